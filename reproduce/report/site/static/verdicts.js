// The table of verdicts: sorted by a column's name, filtered by the form above it, which the address remembers.
(() => {
  const table = document.querySelector("table.verdicts");
  const form = document.querySelector("form.filters");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const output = form.querySelector("output");

  const fits = (value, wanted) => !wanted || value === wanted || value.startsWith(`${wanted}: `);

  const filter = () => {
    const { text, evidence, source, verdict } = Object.fromEntries(new FormData(form));
    let shown = 0;
    for (const row of rows) {
      row.hidden = !(
        row.textContent.toLowerCase().includes(text.trim().toLowerCase()) &&
        fits(row.dataset.evidence, evidence) &&
        fits(row.dataset.source, source) &&
        fits(row.dataset.verdict, verdict)
      );
      shown += !row.hidden;
    }
    output.value = shown === rows.length ? `${shown} claims` : `${shown} of ${rows.length} claims`;
  };

  const chosen = () => [...new FormData(form)]
    .filter(([, value]) => value)
    .map((pair) => pair.map(encodeURIComponent).join("="))
    .join("&");

  const changed = () => {
    filter();
    location.replace(`#${chosen()}`); // the one part of the address that a page opened from a file may change
  };

  const recall = () => {
    if (location.hash.slice(1) !== chosen()) {
      const wanted = new URLSearchParams(location.hash.slice(1));
      for (const name of ["text", "evidence", "source", "verdict"]) {
        form.elements[name].value = wanted.get(name) ?? "";
      }
    }
    filter();
  };

  const sort = (header) => {
    const key = header.dataset.sort;
    const down = header.getAttribute("aria-sort") === "ascending";
    const number = key === "seeds" || key === "order";
    const compare = number
      ? (a, b) => a.dataset[key] - b.dataset[key]
      : (a, b) => a.dataset[key].localeCompare(b.dataset[key]);
    rows.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    for (const each of header.parentElement.cells) each.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  };

  for (const header of table.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(header));
    header.replaceChildren(button);
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", changed); // while words are typed
  form.addEventListener("change", changed);
  form.addEventListener("reset", () => setTimeout(changed));
  window.addEventListener("hashchange", recall);
  form.hidden = false;
  recall();
})();
