"use strict";
// Without this script every row stands open and every number links to its sources.
(() => {
  document.documentElement.classList.add("js");
  const table = document.getElementById("claims");
  if (table) verdicts(table);
  provenance();
  scrolling();
  addEventListener("resize", scrolling);

  // What scrolls sideways can be reached by keyboard, and nothing else is a stop for it.
  function scrolling() {
    for (const part of document.querySelectorAll(".picture, p:has(> math)")) {
      if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
      else part.removeAttribute("tabindex");
    }
  }

  function verdicts(table) {
    const form = document.querySelector(".filters");
    const search = form.querySelector("input[type=search]");
    const filters = [...form.querySelectorAll("select")];
    const output = form.querySelector("output");
    const claims = [...table.tBodies];
    const texts = new Map(claims.map((c) => [c, c.textContent.toLowerCase()]));

    function open(claim, wanted) {
      claim.querySelector(".open").setAttribute("aria-expanded", String(wanted));
      claim.querySelector(".about").hidden = !wanted;
    }

    function filter() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const claim of claims) {
        const fits = filters.every((f) => !f.value || claim.dataset[f.dataset.filter] === f.value)
          && words.every((w) => texts.get(claim).includes(w));
        claim.hidden = !fits;
        shown += fits;
      }
      output.textContent = `${shown} of ${claims.length} shown`;
    }

    // Numbers by size, then texts; empty cells last either way.
    function compare(a, b, key, sign) {
      const [x, y] = [a, b].map((c) => (key === "id" ? c.id : c.dataset[key === "interval" ? "low" : key]));
      if (x === "" || y === "") return (x === "") - (y === "");
      const [p, q] = [Number(x), Number(y)];
      const [s, t] = [Number.isNaN(p), Number.isNaN(q)];
      if (s !== t) return s - t;
      return sign * (s ? x.localeCompare(y, "en", { numeric: true }) : p - q);
    }

    function sort(header) {
      const key = header.querySelector("button").dataset.sort;
      const up = header.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
      [...claims].sort((a, b) => compare(a, b, key, up ? 1 : -1)).forEach((c) => table.append(c));
    }

    function follow() {
      const claim = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (!claim) return;
      if (claims.includes(claim)) {
        if (claim.hidden) { form.reset(); filter(); }
        open(claim, true);
        claim.scrollIntoView({ block: "center" });
        claim.querySelector(".open").focus({ preventScroll: true });
      } else if (claim instanceof HTMLDetailsElement) {
        claim.open = true;
      }
    }

    claims.forEach((claim) => open(claim, false));
    table.addEventListener("click", (event) => {
      const opener = event.target.closest(".open");
      if (opener) open(opener.closest("tbody"), opener.getAttribute("aria-expanded") !== "true");
      const header = event.target.closest("[data-sort]");
      if (header) sort(header.parentElement);
    });
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    addEventListener("hashchange", follow);
    filter();
    follow();
  }

  function provenance() {
    const numbers = [...document.querySelectorAll("a.number")];
    const box = Object.assign(document.createElement("div"), { id: "provenance" });
    if (!numbers.length || !box.showPopover) return;
    box.popover = "auto";
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-label", "Where this number comes from");
    document.body.append(box);
    let last = null;
    box.addEventListener("toggle", (event) => {
      if (event.newState === "closed" && box.contains(document.activeElement)) last?.focus();
    });
    for (const number of numbers) {
      number.setAttribute("aria-haspopup", "dialog");
      number.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        last = number;
        const list = document.createElement("ul");
        for (const part of number.title.split("; ")) {
          list.append(Object.assign(document.createElement("li"), { textContent: part }));
        }
        const more = Object.assign(document.createElement("a"), {
          href: number.getAttribute("href"), textContent: "go to its source",
        });
        more.addEventListener("click", () => box.hidePopover());
        box.replaceChildren(list, more);
        box.showPopover();
        const place = number.getBoundingClientRect();
        const left = Math.min(place.left, document.documentElement.clientWidth - box.offsetWidth - 8);
        box.style.left = `${Math.max(8, left) + scrollX}px`;
        box.style.top = `${place.bottom + scrollY + 6}px`;
        more.focus({ preventScroll: true });
      });
    }
  }
})();
