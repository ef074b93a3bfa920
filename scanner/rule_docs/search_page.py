"""One HTML page that searches all rules: data and script are in it, nothing is loaded from anywhere."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence

from scanner.reports.interface import count
from scanner.rule_docs import facts
from scanner.rule_docs.facts import Provider

_STYLE = """\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; }
input { box-sizing: border-box; font: inherit; padding: .5rem; width: 100%; }
article { border-top: 1px solid #8886; padding: .75rem 0; }
h2 { font-size: 1.1rem; margin: 0; }
ul { margin: .25rem 0 0; padding-left: 1.25rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
.less { opacity: .75; }
"""

_SCRIPT = """\
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const field = document.getElementById("search");
const list = document.getElementById("results");
const status = document.getElementById("status");
const MOST = 100;
for (const one of data) {
  one.text = [one.name, one.id, ...one.rules.flatMap(rule => [rule.id, rule.name, rule.opens, ...rule.looks])]
    .join("\\n").toLowerCase();
}
function element(name, text, inside = []) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...inside);
  return made;
}
function link(text, target) {
  const made = element("a", text);
  made.href = target;
  return made;
}
function ranked(words) {
  const rank = one => {
    const name = one.name.toLowerCase();
    return words.length && name === words[0] ? 0 : words.length && name.startsWith(words[0]) ? 1 : 2;
  };
  return data.filter(one => words.every(word => one.text.includes(word)))
    .map((one, at) => [rank(one), at, one]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(found => found[2]);
}
function shown(rule) {
  const item = element("li", "", [element("strong", rule.name), " "]);
  rule.looks.forEach((text, at) => item.append(at ? " or " : "", element("code", text)));
  item.append(element("div", rule.opens));
  const less = element("div", `${rule.id}: ${rule.severity}, ${rule.confidence} confidence; `
    + `checked: ${rule.checked ? "yes" : "no"}; ended: ${rule.ended ? "yes" : "by a person"}. Rotate: `);
  less.className = "less";
  less.append(rule.rotate.startsWith("https://") ? link(rule.rotate, rule.rotate) : rule.rotate);
  item.append(less);
  return item;
}
function search() {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const found = ranked(words);
  status.textContent = `${found.length} of ${data.length} providers`
    + (found.length > MOST ? `, the first ${MOST} shown` : "");
  list.replaceChildren(...found.slice(0, MOST).map(one => {
    const title = element("h2", "", [link(one.name, `${one.id}.md`)]);
    return element("article", "", [title, element("ul", "", one.rules.map(shown))]);
  }));
  history.replaceState(null, "", field.value ? `#${encodeURIComponent(field.value)}` : location.pathname);
}
field.value = decodeURIComponent(location.hash.slice(1));
field.addEventListener("input", search);
search();
"""


def search_page(found: Sequence[Provider]) -> str:
    """The page. It works from a file as well as from a server."""
    rules = sum(len(one.rules) for one in found)
    about = f"{count(rules, 'kind of key', 'kinds of keys')} of {count(len(found), 'provider')}"
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="keysweep rules docs">
<title>keysweep: keys and their providers</title>
<style>
{_STYLE}</style>
</head>
<body>
<h1>Keys and their providers</h1>
<p>{html.escape(about)} that keysweep finds. <a href="README.md">All of them by name</a>.</p>
<label for="search">A provider, a rule, a prefix, or words of what a key opens</label>
<input id="search" type="search" autocomplete="off" autofocus>
<p id="status" role="status"></p>
<noscript><p>Searching needs JavaScript; the list by name does not.</p></noscript>
<main id="results"></main>
<script type="application/json" id="data">{_data(found)}</script>
<script>
{_SCRIPT}</script>
</body>
</html>
"""


def _data(found: Sequence[Provider]) -> str:
    """The rules as JSON that ends no script element."""
    plain = [
        {
            "id": one.id,
            "name": one.name,
            "rules": [
                {
                    "id": rule.id,
                    "name": rule.name,
                    "opens": rule.description,
                    "looks": facts.forms(rule),
                    "severity": facts.severity(rule),
                    "confidence": str(rule.confidence),
                    "checked": rule.verify is not None,
                    "ended": rule.revoke is not None,
                    "rotate": rule.rotate,
                }
                for rule in one.rules
            ],
        }
        for one in found
    ]
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


__all__ = ["search_page"]
