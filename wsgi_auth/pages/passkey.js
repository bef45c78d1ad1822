// Passkeys in the browser: asks the server what to ask, and the browser for the answer.
// Types: passkey.d.ts. client.js loads it for signIn("passkey"); the built-in pages load it, too.
// Whole-line comments and indentation are not sent (script.py).

const base = new URL(".", import.meta.url);
let turn = 0;
let asked, open;
// turn: an earlier question must not end a later one. open: what ends the browser's question, for it
// has one at a time. asked: the last request; of two at once each would take the other's cookie.

// The answer for the field "credential" of POST callback/passkey.
export const get = (options) => answer("get", "authenticate", options);

// Adds a passkey to the account of who is signed in; the server names it if `name` is missing.
export async function register({ name = "" } = {}) {
  const csrfToken = await getCsrfToken();
  const credential = await answer("create", "register", { csrfToken });
  await call("account/passkeys", { csrfToken, action: "add", name, credential });
}

async function answer(how, action, { csrfToken, mediation } = {}) {
  const callbackUrl = location.pathname + location.search;
  const body = { csrfToken: csrfToken ?? (await getCsrfToken()), action, callbackUrl };
  const mine = ++turn;
  asked = Promise.allSettled([asked]).then(() => call("passkey/options", body));
  const { publicKey } = await asked;
  if (!globalThis.PublicKeyCredential) throw refused("PasskeyUnsupported");
  if (mine !== turn) throw refused("PasskeyCancelled");
  open?.abort();
  open = new AbortController();
  const { signal } = open;
  try {
    const options = { publicKey: read(publicKey), mediation, signal };
    return written(await navigator.credentials[how](options));
  } catch (problem) {
    const isThere = problem.name === "InvalidStateError";
    throw Object.assign(refused(isThere ? "PasskeyThere" : "PasskeyCancelled"), { cause: problem });
  }
}

// --- JSON to octets and back (browsers are still learning parseRequestOptionsFromJSON) -----------

const octets = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));

const text = (buffer) =>
  btoa(Array.from(new Uint8Array(buffer), (each) => String.fromCharCode(each)).join(""))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

const PARTS = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

const named = (list) => list?.map((each) => ({ ...each, id: octets(each.id) }));

function read({ challenge, user, allowCredentials, excludeCredentials, ...rest }) {
  const found = { ...rest, challenge: octets(challenge) };
  if (user) found.user = { ...user, id: octets(user.id) };
  if (allowCredentials) found.allowCredentials = named(allowCredentials);
  if (excludeCredentials) found.excludeCredentials = named(excludeCredentials);
  return found;
}

function written({ id, rawId, type, response }) {
  const said = { transports: response.getTransports?.() };
  for (const part of PARTS) if (response[part]) said[part] = text(response[part]);
  return { id, rawId: text(rawId), type, response: said };
}

// --- with the server -----------------------------------------------------------------------------

const getCsrfToken = async () => (await call("csrf")).csrfToken;

const refused = (error, status = 0, said) =>
  Object.assign(new Error(error), { status, said: { ...said, error } });

async function call(action, fields) {
  const response = await fetch(new URL(action, base), {
    method: fields ? "POST" : "GET",
    cache: "no-store",
    body: fields && JSON.stringify(fields),
    headers: {
      Accept: "application/json",
      "X-Auth-Return-Redirect": 1,
      ...(fields && { "Content-Type": "application/json" }),
    },
  });
  const said = await response.json().catch(() => null);
  if (!response.ok) throw refused(said?.error ?? "Unreachable", response.status, said);
  return said;
}

// --- on the built-in pages: a form that waits for the answer -------------------------------------
// Its button is disabled until this runs: what is sent without an answer is no sign-in.

for (const form of globalThis.document?.querySelectorAll("form[data-passkey]") ?? []) {
  const isNew = form.dataset.passkey === "register";
  const notice = form.querySelector("[role=alert]");
  const button = form.querySelector("button");
  let isAsking = false;
  let isSent = false;

  // While it waits it stays where the keyboard is, so it is not disabled again.
  const wait = (does) => {
    isAsking = does;
    for (const name of ["aria-busy", "aria-disabled"]) {
      if (does) button?.setAttribute(name, "true");
      else button?.removeAttribute(name);
    }
  };

  // out of the browser's cache it may be sent again
  addEventListener("pageshow", ({ persisted }) => persisted && wait((isSent = false)));

  const fill = async (mediation) => {
    const { csrfToken, credential } = form.elements;
    const options = { csrfToken: csrfToken.value, mediation };
    const said = await (isNew ? answer("create", "register", options) : get(options));
    if (isSent) return;
    wait((isSent = true));
    credential.value = JSON.stringify(said);
    form.submit();
  };

  // In the list of a field, before anything is typed.
  const hint = async () => {
    const field = document.querySelector('input[autocomplete~="webauthn"]');
    const isKnown = await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.();
    if (field && isKnown && !isAsking && !document.hidden) fill("conditional").catch(() => {});
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isAsking || isSent) return;
    wait(true);
    if (notice) notice.hidden = true;
    try {
      await fill();
    } catch ({ said }) {
      // the server has a page that says why: who signed in long ago does so again, and comes back
      if (said?.url) return location.assign(said.url);
      if (notice) notice.hidden = false;
      wait(false);
      if (!isNew) hint();
    }
  });
  if (button) {
    button.disabled = false;
    // what is disabled gets no focus as the page opens
    if (button.autofocus && document.activeElement === document.body) button.focus();
  }

  if (!isNew) {
    hint();
    // a question is good for five minutes
    setInterval(hint, 24e4);
  }
}
