"use strict";

// The server renders every part; this only puts changed parts in place and keeps the page from reloading.
const shown = {};
const clock = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
});

function localize(root) {
  for (const time of root.querySelectorAll("time")) {
    time.textContent = clock.format(new Date(time.dateTime));
  }
}

function show(parts) {
  for (const [name, html] of Object.entries(parts)) {
    if (shown[name] === html) continue;
    const place = document.querySelector(`[data-live="${CSS.escape(name)}"]`);
    if (!place) continue;
    const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
    place.innerHTML = html;
    localize(place);
    if (focused) document.getElementById(focused)?.focus();
    shown[name] = html;
  }
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const body = new URLSearchParams(new FormData(form, event.submitter));
  const answer = await fetch(form.action, {
    method: "POST", body, headers: { Accept: "application/json" },
  });
  if (answer.ok) {
    show(await answer.json());
    if (form.classList.contains("note")) form.reset();
  }
});

localize(document);
new EventSource("/events").onmessage = (event) => show(JSON.parse(event.data));
