#!/usr/bin/env bash
# Trains a run, or all runs of a profile, on the GPUs of one or several nodes of a SLURM cluster. From the repository:
#
#   sbatch experiments/ilsvrc2012/slurm.sh ilsvrc2012 paper --epochs 95 --seed 1
#   sbatch --nodes=2 --gpus-per-node=4 experiments/ilsvrc2012/slurm.sh ilsvrc2012 as_released --epochs 95 --seed 1
#
# What follows the script's name are the arguments of `python -m reproduce train`. Needed, on disks that every node sees:
#   REPRODUCE_PACKED    the packed images (python -m reproduce data ilsvrc2012)
#   REPRODUCE_SCRATCH   checkpoints and locks
# Optional: PYTHON (.venv/bin/python), RENDEZVOUS_PORT (made from the job's number).
#
# Nodes, GPUs and this script are no part of a run's identity: every update takes the same 128 images with the same
# random draws however many processes share them (15 at most, since the last batch of an epoch of ILSVRC-2012 has 15).
# So a run may begin on one GPU and end on eight.
#
# Five minutes before the time limit, or when the job is preempted, the trainers are asked to stop: they save their
# checkpoint after the update under way, the job is queued again, and the same command goes on from there. A node that
# fails costs what was trained since the last checkpoint (--seconds-between-checkpoints).
#
# Exit status: 0 when all is trained, 75 when stopped and queued again, else that of the step that failed.
#SBATCH --job-name=alexnet
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

: "${SLURM_JOB_ID:?start this script by sbatch}"
: "${REPRODUCE_PACKED:?set it to the folder with the packed images, on a disk that every node sees}"
: "${REPRODUCE_SCRATCH:?set it to a folder for checkpoints, on a disk that every node sees}"
export REPRODUCE_PACKED REPRODUCE_SCRATCH
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}" # srun does not take it from the job by itself

nodes="$(scontrol show hostnames "$SLURM_JOB_NODELIST")"
first_node="${nodes%%$'\n'*}"
port="${RENDEZVOUS_PORT:-$((20000 + SLURM_JOB_ID % 20000))}"

stopping=no
stop() {
    stopping=yes
    kill -TERM "$step" 2>/dev/null || true # srun passes it on to torchrun, and torchrun to the trainers
}

srun --kill-on-bad-exit=1 "${PYTHON:-.venv/bin/python}" -m torch.distributed.run \
    --nnodes "${SLURM_NNODES:-1}" \
    --nproc-per-node "${SLURM_GPUS_ON_NODE:-1}" \
    --rdzv-backend c10d \
    --rdzv-id "$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}" \
    --rdzv-endpoint "$first_node:$port" \
    -m reproduce train "$@" &
step=$!
trap stop USR1 TERM

status=0
wait "$step" || status=$?
while kill -0 "$step" 2>/dev/null; do # a signal ends wait before the step has ended
    status=0
    wait "$step" || status=$?
done

if [[ $stopping == yes && $status != 0 ]]; then
    scontrol requeue "$SLURM_JOB_ID"
    exit 75
fi
exit "$status"
