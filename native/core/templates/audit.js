"use strict";
(() => {
  const all = (selector, from) => Array.from((from || document).querySelectorAll(selector));
  const byId = (id) => document.getElementById(id);
  const sections = all("details.kind");
  const inputs = { q: byId("search"), severity: byId("severity"), kind: byId("kind") };
  const rows = new Map(sections.map((section) => [section, all("tbody tr", section)]));
  const texts = new Map();
  for (const row of Array.from(rows.values()).flat()) texts.set(row, row.textContent.toLowerCase());

  const filter = () => {
    const words = inputs.q.value.toLowerCase().split(" ").filter(Boolean);
    let count = 0;
    for (const section of sections) {
      const isChosen = ["severity", "kind"].every(
        (name) => !inputs[name].value || section.dataset[name] === inputs[name].value);
      let here = 0;
      for (const row of rows.get(section)) {
        const fits = isChosen && words.every((word) => texts.get(row).includes(word));
        row.hidden = !fits;
        if (fits) here += 1;
      }
      section.hidden = here === 0;
      count += here;
    }
    byId("shown").textContent = count + " of " + texts.size + " findings on this page";
  };

  // The filter is in the address, so that a link can open the page with it.
  const save = () => {
    const state = new URLSearchParams();
    for (const [name, input] of Object.entries(inputs)) if (input.value) state.set(name, input.value);
    try { history.replaceState(null, "", "#" + state); } catch (error) { /* not allowed for this address */ }
  };
  const load = () => {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const [name, input] of Object.entries(inputs)) input.value = state.get(name) || "";
    filter();
  };
  for (const input of Object.values(inputs)) {
    input.addEventListener("input", () => { filter(); save(); });
  }
  window.addEventListener("hashchange", load);

  const setOpen = (isOpen) => { for (const section of sections) section.open = isOpen; };
  byId("expand").addEventListener("click", () => setOpen(true));
  byId("collapse").addEventListener("click", () => setOpen(false));

  const order = new Intl.Collator(undefined, { numeric: true }).compare;
  for (const section of sections) {
    const heads = all("thead th", section);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const isDescending = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
        const text = (row) => row.cells[column].textContent;
        const sorted = rows.get(section).sort((one, other) => order(text(one), text(other)));
        if (isDescending) sorted.reverse();
        section.querySelector("tbody").append(...sorted);
      });
    });
  }

  const copy = async (code, button) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch (error) {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  };
  for (const code of all("code.command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "copy";
    button.setAttribute("aria-label", "Copy the command " + code.textContent);
    button.addEventListener("click", () => copy(code, button));
    code.after(" ", button);
  }

  document.documentElement.classList.add("js");
  load();
})();
