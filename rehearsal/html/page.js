"use strict";
const root = document.documentElement;
const search = document.getElementById("search");
const found = document.getElementById("found");
const rows = [...document.querySelectorAll("section.table tbody tr")].map((row) => [row, row.textContent.toLowerCase()]);
const nodes = [...document.querySelectorAll(".node")];
const dark = matchMedia("(prefers-color-scheme: dark)");

function paint(theme) {
  root.dataset.theme = theme;
}

function look() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => words.every((word) => text.includes(word));
  let count = 0;
  for (const [row, text] of rows) {
    const shown = has(text);
    row.classList.toggle("hidden", !shown);
    count += shown;
  }
  for (const table of document.querySelectorAll("section.table")) {
    table.classList.toggle("hidden", words.length > 0 && !table.querySelector("tbody tr:not(.hidden)"));
  }
  for (const node of nodes) {
    node.classList.toggle("found", words.length > 0 && has(node.dataset.text));
  }
  for (const figure of document.querySelectorAll("figure")) {
    figure.classList.toggle("hidden", words.length > 0 && !figure.querySelector(".found"));
  }
  found.textContent = words.length ? `${count} of ${rows.length} rows, ${document.querySelectorAll(".found").length} boxes` : "";
}

paint(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => paint(dark.matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () => paint(root.dataset.theme === "dark" ? "light" : "dark"));
search.addEventListener("input", look);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape" && document.activeElement === search) {
    search.value = "";
    look();
  }
});
addEventListener("beforeprint", () => { search.value = ""; look(); });
