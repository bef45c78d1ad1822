// wsgi_auth in the browser: who is signed in, and signing in and out. Types: client.d.ts.
// The server alone decides who is signed in; this keeps a page in step with it.
// Whole-line comments and indentation are not sent (script.py).

const page = globalThis.document; // none in Node, where this may be imported all the same
const listeners = new Set();
const flights = new Map();
const settings = { refetchInterval: 0, refetchOnWindowFocus: true, refetchWhenOffline: true };

let base = new URL(".", import.meta.url);
let state = { data: null, status: "loading" };
let turn = 0;
let skew = 0;
let isGiven, isFaulty, asking, updating, aborter, timer, channel;
// base: .../auth/, wherever that is. turn: an answer to a question of an earlier turn is no news.
// skew: how far the server's clock is ahead of ours, in milliseconds.
// updating: settled once every update has been answered.
// isGiven: the state came with the page. isFaulty: the last question had no answer.

// --- the session -----------------------------------------------------------------------------

export const session = {
  // React's useSyncExternalStore takes it as it is; Svelte's stores tell at once too
  subscribe(listener) {
    const entry = () => listener(state);
    listeners.add(entry);
    if (listeners.size === 1) start();
    entry();
    return () => {
      if (listeners.delete(entry) && !listeners.size) stop();
    };
  },
  getSnapshot: () => state,
};

export const getSession = () => (asking ??= ask());

export function configure({ basePath, session, ...more }) {
  Object.assign(settings, more);
  if (basePath) base = new URL(basePath.replace(/\/*$/, "/"), base);
  if (session === undefined) arm();
  else {
    isGiven = !listeners.size;
    supersede();
    settle(session);
  }
}

export async function update(data) {
  if (data === undefined) return getSession();
  const updated = change(data);
  // of no value, or each would hold all the answers before it
  updating = Promise.allSettled([updating, updated]).then(() => {});
  return updated;
}

async function change(data) {
  const csrfToken = await getCsrfToken();
  const body = JSON.stringify({ csrfToken, data });
  try {
    const updated = await call("session", { body, headers: { "Content-Type": "application/json" } });
    supersede();
    settle(updated);
    tell("update");
    return updated;
  } catch (problem) {
    if (problem.status === 401) return askAnew();
    throw problem;
  }
}

export async function authFetch(input, init) {
  const response = await fetch(input, init);
  // a 401 may have other reasons, so the server is asked
  const isOurs = new URL(response.url || base).origin === base.origin;
  if (response.status === 401 && isOurs && state.data) await askAnew();
  return response;
}

// --- signing in and out ----------------------------------------------------------------------

export const getProviders = () => call("providers");
export const getCsrfToken = async () => (await call("csrf")).csrfToken;

export const signIn = (provider, options, params) =>
  once(provider, options, async (fields, redirect, callbackUrl) => {
    const type = typeof provider === "string" && (await getProviders())[provider]?.type;
    if (!type) {
      leave(`${new URL("signin", base)}?${new URLSearchParams({ callbackUrl })}`);
      return {};
    }
    // a form that was filled in is the proof itself; everything else begins with a request for one
    if (type === "passkey") {
      const { get } = await import(new URL("passkey.js", base));
      fields.push(["credential", JSON.stringify(await get())]);
    }
    const isProof = fields.length && /^(credentials|htpasswd|dev|passkey)$/.test(type);
    const more = { ...params, ...Object.fromEntries(fields) };
    const said = await send((isProof ? "callback/" : "signin/") + provider, callbackUrl, more);
    if (isProof && !redirect) await askAnew();
    return said;
  });

export const signOut = (options) =>
  once(0, options, async (fields, redirect, callbackUrl) => {
    await Promise.all([asking, updating]); // their answers could bring the cookie back
    const said = await send("signout", callbackUrl);
    supersede();
    settle(null);
    tell("signout");
    return said;
  });

// A second click waits for the first one's answer.
function once(name, options, act) {
  const { redirect = true, redirectTo, callbackUrl, ...more } = options ?? {};
  const fields = Object.entries(more).filter(([, value]) => value != null);
  const flight =
    flights.get(name) ??
    act(fields, redirect, callbackUrl ?? redirectTo ?? here())
      .then(
        ({ url = null }) => ({ ok: true, status: 200, error: null, url }),
        ({ status = 0, said }) => ({ ok: false, status, error: "Unreachable", ...said }),
      )
      .then((result) => {
        if (redirect && result.url) leave(result.url);
        return result.ok ? result : { ...result, url: null };
      })
      .finally(() => flights.delete(name));
  flights.set(name, flight);
  return flight;
}

async function send(action, callbackUrl, fields) {
  const csrfToken = await getCsrfToken();
  return call(action, { body: new URLSearchParams({ ...fields, csrfToken, callbackUrl }) });
}

const here = () => {
  const { pathname = "/", search = "", hash = "" } = globalThis.location ?? {};
  return pathname + search + hash;
};

function leave(url) {
  const [path] = location.href.split("#");
  const [there, hash] = new URL(url, path).href.split("#");
  location.assign(url);
  if (hash != null && there === path) location.reload(); // a hash alone loads nothing
}

// --- with the server -------------------------------------------------------------------------

async function call(action, init) {
  const response = await fetch(new URL(action, base), {
    method: init?.body ? "POST" : "GET",
    cache: "no-store",
    ...init,
    headers: { Accept: "application/json", "X-Auth-Return-Redirect": 1, ...init?.headers },
  });
  const { ok, status, headers } = response;
  skew = Date.parse(headers.get("Date")) - Date.now() || 0;
  if (ok) return response.json();
  const said = await response.json().catch(() => null);
  throw Object.assign(new Error(said?.error ?? status), { status, said });
}

async function ask(isTold) {
  const mine = turn;
  const before = state;
  aborter = new AbortController();
  let data;
  try {
    data = await call("session", { signal: aborter.signal });
  } catch {}
  if (mine !== turn) return asking ?? state.data;
  asking = null;
  isFaulty = data === undefined;
  if (isFaulty) data = remaining() > 0 ? before.data : null;
  settle(data);
  const isNews = before.status === "loading" || before.data?.user?.id !== data?.user?.id;
  if (isNews && !isTold && !isFaulty) tell("getSession");
  return data;
}

function supersede() {
  turn++;
  asking = null;
  aborter?.abort();
}

function askAnew(isTold) {
  supersede();
  return (asking = ask(isTold));
}

function settle(data) {
  const next = { data, status: data ? "authenticated" : "unauthenticated" };
  if (JSON.stringify(next) !== JSON.stringify(state)) {
    state = next;
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        setTimeout(() => Promise.reject(error)); // its own affair
      }
    }
  }
  arm();
}

// --- over time -------------------------------------------------------------------------------

// Milliseconds until the session ends, by the server's clock.
const remaining = () =>
  state.data ? (Date.parse(state.data.expires) || Infinity) - Date.now() - skew : 0;

function arm() {
  clearTimeout(timer);
  if (!listeners.size || !(state.data || isFaulty)) return;
  const left = remaining();
  // never before its end: the question itself would prolong it
  const wait = isFaulty ? 3e4 : left > 0 ? left + 1e3 : 6e4;
  timer = setTimeout(tick, Math.min(wait, settings.refetchInterval * 1e3 || wait, 2 ** 31 - 1));
}

function tick() {
  const isOffline = !settings.refetchWhenOffline && globalThis.navigator?.onLine === false;
  if (remaining() > 0 && (page?.hidden || isOffline)) arm();
  else getSession();
}

// In front of somebody again, on the network, or out of the browser's cache.
function wake({ type, persisted }) {
  const isFront = !page?.hidden && settings.refetchOnWindowFocus;
  if (type === "online" ? isFaulty : (persisted ?? isFront)) getSession();
}

function start() {
  channel = connect();
  channel?.addEventListener("message", heard);
  for (const type of WAKING) globalThis.addEventListener?.(type, wake);
  if (isGiven) {
    arm();
    tell("getSession");
  } else getSession();
  isGiven = false;
}

function stop() {
  clearTimeout(timer);
  channel?.close();
  channel = null;
  for (const type of WAKING) globalThis.removeEventListener?.(type, wake);
}

// visibilitychange bubbles from the document
const WAKING = ["visibilitychange", "online", "pageshow"];

// --- with other tabs: Auth.js's channel and messages -----------------------------------------

const connect = () => globalThis.BroadcastChannel && new BroadcastChannel("next-auth");
const who = () => state.data?.user?.id ?? null;

function tell(trigger) {
  const to = channel ?? connect();
  to?.postMessage({ event: "session", data: { trigger, user: who() } });
  if (to !== channel) to.close();
}

function heard({ data: message }) {
  const { trigger, user } = message?.data ?? {};
  // who only looked, and saw whom we see, has no news
  if (trigger !== "getSession" || user !== who()) askAnew(true);
}

// --- what the server wrote into the page -----------------------------------------------------

const written = page?.querySelector('script[id="auth.session"]');
if (written) {
  configure({ session: JSON.parse(written.textContent) });
  // one that the browser kept is of the past
  isGiven = performance.getEntriesByType("navigation")[0]?.type !== "back_forward";
}
