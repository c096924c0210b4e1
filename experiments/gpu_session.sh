#!/usr/bin/env bash
# Makes the most of a few minutes on a GPU: its tests, its timings, and as much training of the long nets as fits.
#
#   experiments/gpu_session.sh OUTPUT [SECONDS] [--runs FILE] [--jobs N] [--device cuda|cpu]
#
#   OUTPUT     folder for results, logs and checkpoints; given again, the session goes on where the last one stopped
#   SECONDS    for the whole session (default: 600)
#   --runs     the wanted runs in order, one "study variant epochs seed" per line (default: RUNS below)
#   --jobs     runs trained at once (default: 1 or 4, by a trial of both which of them makes more updates; on the CPU 1)
#   --device   cpu tries the script where there is no GPU; it then times nothing
#
# The steps, each with a line of summary in OUTPUT/session.log:
#   device     what there is; the session ends here without a GPU, without the data, or with uncommitted changes
#   tests      those that need a GPU, for a quarter of the time at most: OUTPUT/logs/tests.log
#   time       python -m reproduce time within a fifth of the time: OUTPUT/timing/<machine>.csv
#   training   until 15 seconds before the end, then every run is stopped with its checkpoint (OUTPUT/scratch); finished
#              runs are copied to OUTPUT/runs. What OUTPUT/runs or results/runs has already is not trained. Ctrl-C stops
#              the runs in the same way.
#
# Needed: pyproject.toml's dependencies and those of its tests, coreutils, CIFAR-10 (or REPRODUCE_CIFAR10), and a git
# repository: without one, runs cannot name the commit that made them, and `python -m reproduce verify` refuses them.
# PYTHON names the interpreter (default: .venv/bin/python, else python3). To publish, copy OUTPUT/runs and OUTPUT/timing
# into results/.
#
# Exit status: 0 when every step did its work, even if time was short; 1 when one failed; 2 when it could not begin.
set -uo pipefail

RUNS="\
cifar10_nets conv_local_11pct 520 1
cifar10_nets conv_local_11pct_no_normalization 520 1
cifar10_nets conv_local_11pct 520 2
cifar10_nets conv_local_11pct_no_normalization 520 2
cifar10_nets conv_local_11pct 520 3
cifar10_nets conv_local_11pct_no_normalization 520 3
lrn_confound body11_normalized 160 1
lrn_confound body11_normalized 160 2
lrn_confound body11_normalized 160 3
lrn_confound body11 160 1
lrn_confound body11 160 2
lrn_confound body11 160 3"
SECONDS_FOR_THE_END=15 SECONDS_FROM_STOP_TO_KILL=10 SECONDS_OF_A_TRIAL=25 JOBS_TRIED=4

refuse() {
    echo "error: $1" >&2
    exit 2
}

positive() { [[ $2 =~ ^[1-9][0-9]*$ ]] || refuse "$1 must be a positive whole number, not '$2'"; }

output='' budget='' jobs='' device=cuda
while (($#)); do
    if [[ $1 == --* ]]; then (($# > 1)) || refuse "$1 needs a value"; fi
    case $1 in
    --runs) [[ -f $2 ]] && RUNS="$(grep -v '^ *\(#\|$\)' "$2")" || refuse "--runs: '$2' holds no runs"; shift 2 ;;
    --jobs) positive "$1" "$2"; jobs=$2; shift 2 ;;
    --device) [[ $2 == cuda || $2 == cpu ]] || refuse "--device is cuda or cpu, not '$2'"; device=$2; shift 2 ;;
    --*) refuse "there is no option '$1'; see the head of ${BASH_SOURCE[0]}" ;;
    *)
        if [[ -z $output ]]; then output=$1
        elif [[ -z $budget ]]; then positive SECONDS "$1"; budget=$1
        else refuse "'$1' is one argument too many; see the head of ${BASH_SOURCE[0]}"; fi
        shift ;;
    esac
done
[[ -n $output ]] || refuse "name a folder for the results; see the head of ${BASH_SOURCE[0]}"
budget=${budget:-600}
runs=()
while read -r study variant epochs seed; do
    positive "epochs of '$study $variant'" "$epochs" && positive "seed of '$study $variant'" "$seed"
    runs+=("$study/$variant/epochs$epochs/seed$seed")
done <<<"$RUNS"
mkdir -p "$output/logs" "$output/runs" && output="$(realpath "$output")" || refuse "cannot write to '$output'"
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
[[ -n ${PYTHON:-} ]] || { [[ -x .venv/bin/python ]] && PYTHON=.venv/bin/python || PYTHON=python3; }
export REPRODUCE_SCRATCH="$output/scratch" PYTHONUNBUFFERED=1
: >"$output/logs/failed"

say() { echo "[$SECONDS s] $*" | tee -a "$output/session.log"; }
end_of() { tail -n 1 "$output/logs/$1.log" | sed "s/^error: //"; }

# Runs a command and, when its seconds are over, asks it to stop as Ctrl-C does.
within() { timeout --foreground --signal=INT --kill-after=$SECONDS_FROM_STOP_TO_KILL "$@"; }

# Runs a step of that name by Python within so many seconds, and says how it ended.
step() {
    within "$2" "$PYTHON" "${@:3}" >"$output/logs/$1.log" 2>&1
    local status=$?
    ((status == 0)) || echo "$1" >>"$output/logs/failed"
    [[ $status =~ ^(124|137)$ ]] && say "$1: stopped after $2 s" || say "$1: $(end_of "$1")"
}

# The trainer would refuse uncommitted changes too, but only after the timings.
facts="$("$PYTHON" - "$device" 2>"$output/logs/device.log" <<'END'
import sys

from reproduce.base.provenance import git_state, machine_fingerprint
from reproduce.train.launch import Launch, prepare_torch

machine, git = machine_fingerprint(prepare_torch(Launch(sys.argv[1]))), git_state()
if git["git_dirty"]:
    sys.exit("reproduce/ or experiments/ has uncommitted changes; commit them first")
commit = f"commit {git['git_commit']}" if git["git_commit"] else "no git repository: `verify` will refuse these runs"
print(f"{machine['gpu'] or 'no GPU'}; {machine['cpu']}, {machine['cores']} cores; torch {machine['torch']}; {commit}")
END
)" || refuse "$(end_of device)"
"$PYTHON" -m reproduce data cifar10 >"$output/logs/data.log" 2>&1 || refuse "$(end_of data)"
say "device: $facts"

step tests $((budget / 4 + 1)) -m pytest -p no:cacheprovider tests/test_gpu.py \
    tests/speed/test_timing_run.py::test_a_gpu_present_is_timed_with_no_change_of_configuration \
    tests/data/test_ilsvrc_read.py::test_batches_on_a_gpu_equal_those_on_the_cpu

if [[ $device == cuda ]]; then # the limit ends it where the least that is always timed takes far longer than its budget
    step time $((budget * 2 / 5 + 1)) -m reproduce time --budget $((budget / 5 + 1)) --out "$output/timing"
else
    say "time: left out on the CPU"
fi

# Trains a run until the second given, copies it if it is finished, and says how it ended.
train() {
    local run=$1 until=$2 name=${1//\//-} study variant epochs seed place status
    IFS=/ read -r study variant epochs seed <<<"$run"
    within $((until - SECONDS + 1)) "$PYTHON" -m reproduce train "$study" "$variant" --epochs "${epochs#epochs}" \
        --seed "${seed#seed}" --device "$device" --threads 1 >"$output/logs/$name.log" 2>&1
    status=$?
    place="$(sed -n "s|^$run: written to ||p" "$output/logs/$name.log")"
    if [[ -n $place ]] && mkdir -p "$output/runs/${run%/*}" && cp -r "$place" "$output/runs/$run"; then
        say "$run: finished"
    elif [[ $status =~ ^(75|124|130|137)$ ]]; then # stopped by itself, by the limit, before or after its updates, killed
        say "$run: stopped: $(end_of "$name")"
    else
        echo "$run" >>"$output/logs/failed"
        say "$run: failed: $(end_of "$name")"
    fi
}

# Trains runs until the second given, so many at once.
train_all() {
    local at_once=$1 until=$2 run
    for run in "${@:3}"; do
        while (($(jobs -rp | wc -l) >= at_once)); do wait -n; done
        ((SECONDS >= until || interrupted)) && break # asked here: a list ending in & would ask in a shell of its own
        train "$run" "$until" &
    done
    while [[ -n $(jobs -rp) ]]; do wait -n; done
}

# Lists what is still to be trained.
pending() {
    local run
    for run in "${runs[@]}"; do
        [[ -e $output/runs/$run || -e results/runs/$run ]] || grep -qxF "$run" "$output/logs/failed" || echo "$run"
    done
}

# Trains the first runs so many at once for a trial, and prints how many updates they made together.
updates_in_a_trial() {
    local todo logs
    mapfile -t todo < <(pending | head -n "$1")
    # SECONDS counts whole seconds: without one more, a trial of one second could be over before it began a run
    train_all "$1" $((SECONDS + SECONDS_OF_A_TRIAL + 1)) "${todo[@]}" >&2
    logs=("${todo[@]//\//-}")
    echo $((0 $(cd "$output/logs" && sed -n 's/.*stopped at step \([0-9]*\).*/+\1/p; s/.*going on from step /-/p' \
        "${logs[@]/%/.log}")))
}

interrupted=0
trap 'interrupted=1' INT
end=$((budget - SECONDS_FOR_THE_END))
mapfile -t wanted < <(pending)
if [[ -z $jobs && $device == cuda ]] && ((${#wanted[@]} > 1 && end - SECONDS > 4 * SECONDS_OF_A_TRIAL)); then
    alone=$(updates_in_a_trial 1)
    together=$(updates_in_a_trial $JOBS_TRIED)
    ((together > alone)) && jobs=$JOBS_TRIED
    say "trial of $SECONDS_OF_A_TRIAL s: $alone updates by one run, $together by up to $JOBS_TRIED; ${jobs:-1} at once now"
fi
mapfile -t todo < <(pending)
train_all "${jobs:-1}" $end "${todo[@]}"
finished=0
for run in "${wanted[@]}"; do [[ -e $output/runs/$run ]] && ((++finished)); done
say "training: $finished of the ${#wanted[@]} runs wanted are finished; all is in $output"
[[ ! -s $output/logs/failed ]]
