// Everything works without this: it keeps what is shown up to date, copies commands, and checks fields while they are typed.
"use strict";

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** The same page as it is now. */
async function fresh() {
  const answer = await fetch(location.href, { headers: { "X-Dps-Live": "true" } });
  if (!answer.ok) throw new Error(answer.statusText);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Replaces the part that is live. Whoever is inside of it with the keyboard stays where they are. */
function show(document_) {
  const [old, now] = [document.getElementById("live"), document_.getElementById("live")];
  if (!old || !now || old.innerHTML === now.innerHTML) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const path = focused && [...old.querySelectorAll("a, button, input, summary, [tabindex]")].indexOf(focused);
  const open = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
  old.innerHTML = now.innerHTML;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) old.querySelectorAll("a, button, input, summary, [tabindex]")[path]?.focus({ preventScroll: true });
}

/** Follows what is announced. The browser connects again by itself. */
function follow(path) {
  const events = new EventSource(path);
  let busy = false;
  let again = false;
  events.addEventListener("changed", async () => {
    again = true;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      try {
        show(await fresh());
      } catch {
        // The next change tries again.
      }
      await pause(300);
    }
    busy = false;
  });
}

/** Buttons that copy a command. Without this, there are none. */
function copyButtons(root) {
  for (const code of root.querySelectorAll("[data-copy]")) {
    if (code.nextElementSibling?.classList.contains("copy")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      await pause(1500);
      button.textContent = "Copy";
    });
    code.after(button);
  }
}

/** Says what is wrong with a field while it is typed. Passwords stay where they are. */
function checkFields(form) {
  const fields = ["name", "registry-url", "username", "email", "selector"];
  let waiting;
  form.addEventListener("input", (event) => {
    const input = event.target;
    if (!fields.includes(input.id)) return;
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const hint = document.getElementById(`${input.id}-hint`);
      const query = new URLSearchParams({ field: input.id, value: input.value });
      if (input.id === "selector") query.set("excluded", form.elements.excluded.value);
      const answer = await fetch(`${form.dataset.check}?${query}`);
      if (!answer.ok || !input.value) return;
      const [, state, text] = (await answer.text()).match(/^(\w+) (.*)$/s);
      hint.textContent = text;
      hint.className = state === "ok" ? "hint" : "problem";
      input.setAttribute("aria-invalid", String(state !== "ok"));
    }, 250);
  });
  const types = form.elements.type;
  const show = () => {
    for (const part of form.querySelectorAll("[data-private]")) part.hidden = types.value === "DockerHub";
  };
  for (const type of types) type.addEventListener("change", show);
  show();
}

const live = document.querySelector("[data-live]");
if (live) {
  follow(live.dataset.live);
  new MutationObserver(() => copyButtons(document)).observe(live, { childList: true });
}
copyButtons(document);
for (const form of document.querySelectorAll("form[data-check]")) checkFields(form);
