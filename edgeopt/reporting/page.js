"use strict";
{
  const root = document.documentElement;

  const remembered = {
    read() { try { return localStorage.getItem("edgeopt-theme") || ""; } catch { return ""; } },
    write(theme) { try { localStorage.setItem("edgeopt-theme", theme); } catch { /* private windows keep nothing */ } },
  };

  function setTheme(theme) {
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    for (const button of document.querySelectorAll(".theme button")) {
      button.setAttribute("aria-pressed", String(button.dataset.theme === theme));
    }
  }

  for (const button of document.querySelectorAll(".theme button")) {
    button.addEventListener("click", () => { setTheme(button.dataset.theme); remembered.write(button.dataset.theme); });
  }
  setTheme(remembered.read());
  document.querySelector(".theme").hidden = false;

  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  function compareCells(first, second, numeric) {
    return numeric ? Number(first) - Number(second) : words.compare(first, second);
  }

  function sortBy(table, heading) {
    const column = [...heading.parentNode.children].indexOf(heading);
    const descending = heading.getAttribute("aria-sort") === "ascending";
    const numeric = heading.classList.contains("number");
    const value = (row) => row.children[column].dataset.value ?? row.children[column].textContent;
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((first, second) => {
      const [left, right] = [value(first), value(second)];
      if (left === "" || right === "") return (left === "") - (right === "");
      return (descending ? -1 : 1) * compareCells(left, right, numeric);
    });
    body.append(...rows);
    for (const other of heading.parentNode.children) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  }

  function filterRows(box) {
    const wanted = box.querySelector('[data-filter="text"]').value.trim().toLowerCase().split(/\s+/);
    const status = box.querySelector('[data-filter="status"]')?.value ?? "";
    const rows = [...box.querySelector("tbody").rows];
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word)) || (status !== "" && row.dataset.status !== status);
    }
    const shown = rows.filter((row) => !row.hidden).length;
    box.querySelector(".count").textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  }

  function csvCell(cell, numeric) {
    const text = numeric ? cell.dataset.value ?? "" : cell.textContent.trim().replace(/^[=+\-@\t\r]/, "'$&");
    return /[",;\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function csvOf(table) {
    const headings = [...table.tHead.rows[0].cells];
    const numeric = headings.map((heading) => heading.classList.contains("number"));
    const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    const lines = rows.map((row) => [...row.cells].map((cell, column) => csvCell(cell, numeric[column])).join(","));
    return [headings.map((heading) => csvCell(heading, false)).join(","), ...lines, ""].join("\n");
  }

  function download(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  for (const hint of document.querySelectorAll(".hint")) {
    const scroll = hint.nextElementSibling;
    new ResizeObserver(() => (hint.hidden = scroll.scrollWidth <= scroll.clientWidth + 1)).observe(scroll);
  }

  for (const box of document.querySelectorAll("div.table")) {
    const table = box.querySelector("table");
    const button = box.querySelector("[data-download]");
    button.addEventListener("click", () => download(button.dataset.download, csvOf(table)));
    for (const button of table.tHead.querySelectorAll("button")) {
      button.addEventListener("click", () => sortBy(table, button.closest("th")));
    }
    for (const filter of box.querySelectorAll("[data-filter]")) filter.addEventListener("input", () => filterRows(box));
    box.querySelector(".controls").hidden = false;
  }
}
