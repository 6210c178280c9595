// Everything works without this: it keeps what is shown up to date, copies commands, and checks fields while they are typed.
"use strict";

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** The same page as it is now; the one that says so if there is none any more. */
async function fresh() {
  const answer = await fetch(location.href, { headers: { "X-Dps-Live": "true" } });
  if (!answer.ok && answer.status !== 404) throw new Error(answer.statusText);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** The part that is live, as it was served last: buttons were added to it since. */
let served = document.getElementById("live")?.innerHTML;

/** What tells an element that can have the focus from others, also when there are more of them. */
function nameOf(element) {
  const attributes = ["href", "aria-label"].map((name) => element.getAttribute(name));
  return [element.tagName, element.closest("[id]").id, element.form?.action, ...attributes].join(" ");
}

/** Replaces the part that is live. Whoever is inside of it with the keyboard stays where they are. */
function show(document_) {
  const [old, now] = [document.getElementById("live"), document_.getElementById("live")];
  if (!old) return;
  if (!now) {
    document.title = document_.title;
    document.getElementById("main").replaceChildren(...document_.getElementById("main").childNodes);
    return;
  }
  // What somebody has filled in stays.
  const filters = document.getElementById("filters");
  if (filters?.childElementCount === 0) filters.replaceChildren(...document_.getElementById("filters").childNodes);
  if (served === now.innerHTML) return;
  served = now.innerHTML;
  const focused = old.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  const open = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
  old.innerHTML = served;
  copyButtons(old);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  const places = [...old.querySelectorAll("a, button, summary, [tabindex]")];
  places.find((place) => nameOf(place) === focused)?.focus({ preventScroll: true });
}

/** Follows what is announced, as long as somebody can see it: browsers keep few connections to a server. */
function follow(path) {
  let events = null;
  let busy = false;
  let again = false;
  const update = async () => {
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
  };
  const silence = (is) => () => {
    document.getElementById("silence")?.toggleAttribute("hidden", !is);
  };
  const connect = () => {
    events?.close();
    events = null;
    if (document.hidden) return;
    // What has happened since the page was made is announced at once. The browser connects again by itself.
    events = new EventSource(path);
    events.addEventListener("open", silence(false));
    events.addEventListener("error", silence(true));
    events.addEventListener("changed", update);
  };
  document.addEventListener("visibilitychange", connect);
  connect();
}

/** Buttons that copy a command. Without this, there are none. */
function copyButtons(root) {
  for (const code of root.querySelectorAll("[data-copy]")) {
    if (code.nextElementSibling?.classList.contains("copy")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    const call = (word) => {
      button.textContent = word;
      button.setAttribute("aria-label", `${word} ${code.textContent}`);
    };
    call("Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      call("Copied");
      await pause(1500);
      call("Copy");
    });
    code.after(button);
  }
}

/** Calls what is to be done when nothing was typed for a moment. */
function settled(work) {
  let waiting;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(work, 250);
  };
}

/** The text of an answer; null if there is none. */
async function ask(path, query) {
  try {
    const answer = await fetch(`${path}?${new URLSearchParams(query)}`);
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}

/** Says what is wrong with a field while it is typed. */
function checkField(form, input) {
  const hint = document.getElementById(`${input.id}-hint`);
  const show = (state, text) => {
    hint.textContent = text;
    hint.className = state === "ok" ? "hint" : "problem";
    if (state === "ok") input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
  };
  return settled(async () => {
    const value = input.value;
    // An empty selector selects all.
    if (!value && input.id !== "selector") return show("ok", hint.dataset.hint);
    const excluded = form.elements.excluded.value;
    const answer = await ask(form.dataset.check, { field: input.id, value, excluded });
    // What was typed meanwhile has its own answer.
    if (answer === null || input.value !== value) return;
    const [, state, text] = answer.match(/^(\w+) (.*)$/s);
    show(state, text || hint.dataset.hint);
  });
}

/** Checks each field for itself, and keeps the command as what is filled in. Passwords stay where they are. */
function checkFields(form) {
  const { name, username, email, selector, excluded } = form.elements;
  const url = form.elements["registry-url"];
  const checks = new Map([name, url, username, email, selector].map((input) => [input, checkField(form, input)]));
  checks.set(excluded, checks.get(selector));
  const command = document.getElementById("command");
  const writeCommand = settled(async () => {
    const fields = new FormData(form);
    for (const secret of ["password", "token"]) fields.delete(secret);
    const text = await ask(form.dataset.command, fields);
    if (!text) return;
    command.textContent = text;
    command.nextElementSibling?.setAttribute("aria-label", `Copy ${text}`);
  });
  form.addEventListener("input", ({ target }) => {
    checks.get(target)?.();
    if (command && target.type !== "password") writeCommand();
  });
  const types = form.elements.type;
  const show = () => {
    for (const part of form.querySelectorAll("[data-private]")) part.hidden = types.value === "DockerHub";
  };
  for (const type of types) type.addEventListener("change", show);
  show();
}

const live = document.querySelector("[data-live]");
if (live) follow(live.dataset.live);
copyButtons(document);
for (const form of document.querySelectorAll("form[data-check]")) checkFields(form);
