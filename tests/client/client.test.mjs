// What a tab does, told in Node: fetch, BroadcastChannel and the site are real. What Node lacks is
// made here: a jar of cookies, a location, and whether anybody looks.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const { SITE, CLIENT } = process.env;
const ALICE = { username: "alice", password: "correct horse", redirect: false };
const BOB = { username: "bob", password: "battery staple", redirect: false };

const realFetch = globalThis.fetch;
const events = new EventTarget();
const realNow = Date.now;
let jar, asked, sent, left, hold, tabs, number = 0;

globalThis.fetch = async (input, init = {}) => {
  const url = String(input);
  const at = `${init.method ?? "GET"} ${new URL(url).pathname}`;
  asked.push(at);
  sent = init.body;
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
  const response = await realFetch(input, { ...init, headers: { ...init.headers, cookie } });
  await hold?.(at);
  init.signal?.throwIfAborted(); // as a browser does: an answer nobody waits for sets no cookie
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
    if (/max-age=0/i.test(line)) jar.delete(name);
    else jar.set(name, value);
  }
  return response;
};
globalThis.addEventListener = events.addEventListener.bind(events);
globalThis.removeEventListener = events.removeEventListener.bind(events);
globalThis.location = {
  pathname: "/here", search: "?a=b", hash: "#c", href: `${SITE}/here?a=b#c`,
  assign: (url) => left.push(String(url)),
  reload: () => left.push("reload"),
};
globalThis.document = { hidden: false, querySelector: () => null };

beforeEach(() => {
  [jar, asked, left, tabs, hold] = [new Map(), [], [], [], undefined];
});
afterEach(async () => {
  for (const end of tabs) end();
  Date.now = realNow;
  document.hidden = false;
  await realFetch(`${SITE}/control/up`);
});

/** A module of its own, as every tab has one. */
async function open(settings = {}) {
  const tab = await import(`${CLIENT}?tab=${number++}`);
  tab.configure({ basePath: `${SITE}/auth`, ...settings });
  return tab;
}

/** The same, with somebody who looks; what they saw is in `seen`. */
async function watched(settings) {
  const tab = await open(settings);
  const seen = [];
  const end = tab.session.subscribe(({ status, data }) => seen.push(data ? data.user.name : status));
  tabs.push(end);
  await until(() => tab.session.getSnapshot().status !== "loading");
  return { ...tab, seen, end, status: () => tab.session.getSnapshot().status };
}

async function until(holds, seconds = 5) {
  for (const end = realNow() + seconds * 1000; !(await holds()); await sleep(10)) {
    assert.ok(realNow() < end, `never: ${holds}`);
  }
}

/** What is waited for until it is opened. */
function gate() {
  let open;
  return Object.assign(new Promise((go) => (open = go)), { open });
}

const count = (at) => asked.filter((each) => each === at).length;
const happen = (type) => events.dispatchEvent(new Event(type));

test("nobody is signed in: loading, then unauthenticated, by one question", async () => {
  const tab = await open();
  assert.deepEqual(tab.session.getSnapshot(), { data: null, status: "loading" });
  assert.deepEqual(asked, []); // who imports and does not look asks nothing
  const seen = [];
  for (let i = 0; i < 3; i++) tabs.push(tab.session.subscribe((state) => seen.push(state.status)));
  assert.equal(await tab.getSession(), null);
  assert.deepEqual(seen.sort(), [...Array(3).fill("loading"), ...Array(3).fill("unauthenticated")]);
  assert.deepEqual(asked, ["GET /auth/session"]);
});

test("the snapshot is the same object until something changes", async () => {
  const tab = await watched();
  const before = tab.session.getSnapshot();
  await tab.getSession();
  assert.equal(tab.session.getSnapshot(), before);
  assert.deepEqual(tab.seen, ["loading", "unauthenticated"]);
});

test("a password signs in, and the other tab follows", async () => {
  const [here, there] = [await watched(), await watched()];
  const result = await here.signIn("credentials", { ...ALICE, redirectTo: "/x" });
  assert.deepEqual(result, { ok: true, status: 200, error: null, url: "/x" });
  assert.equal(here.session.getSnapshot().data.user.id, "alice");
  await until(() => there.status() === "authenticated");
  assert.deepEqual(left, []);
});

test("a wrong password is said, with the application's own code where it has one", async () => {
  const tab = await watched();
  const wrong = await tab.signIn("credentials", { ...ALICE, password: "x" });
  assert.deepEqual(wrong, { ok: false, status: 401, error: "CredentialsSignin", url: null });
  const locked = await tab.signIn("credentials", { ...ALICE, username: "locked" });
  assert.deepEqual([locked.error, locked.code], ["CredentialsSignin", "locked"]);
  assert.equal(tab.status(), "unauthenticated");
});

test("signing out is seen by the other tab", async () => {
  const here = await watched();
  await here.signIn("credentials", ALICE);
  const there = await watched();
  assert.equal(there.status(), "authenticated");
  assert.equal((await here.signOut({ redirect: false })).ok, true);
  assert.equal(here.status(), "unauthenticated");
  await until(() => there.status() === "unauthenticated");
  assert.equal(await there.getSession(), null);
});

test("an answer that was late brings nobody back, nor a cookie", async () => {
  const tab = await watched({ basePath: `${SITE}/brief` });
  await tab.signIn("credentials", ALICE);
  const [posted, late] = [gate(), gate()];
  hold = (at) => (at === "POST /brief/signout" ? posted : at === "GET /brief/session" && late);
  const out = tab.signOut({ redirect: false });
  await until(() => count("POST /brief/signout") === 1);
  await sleep(1100); // from now on an answer prolongs the session
  const asking = tab.getSession(); // while signing out is under way
  await sleep(50);
  posted.open();
  await out;
  late.open();
  assert.equal(await asking, null);
  assert.deepEqual([tab.status(), tab.seen.at(-1)], ["unauthenticated", "unauthenticated"]);
  assert.ok(!jar.has("brief"));
});

test("who asks while the answer is overtaken gets the newer one", async () => {
  const [here, there] = [await watched(), await watched()];
  await here.signIn("credentials", ALICE);
  await until(() => there.status() === "authenticated");
  const gates = [];
  hold = (at) => at === "GET /auth/session" && gates[gates.push(gate()) - 1];
  const asking = there.getSession();
  await until(() => gates.length === 1);
  await here.update({ name: "New" });
  await until(() => gates.length === 2); // told of the update, it asks anew
  gates[0].open();
  await sleep(50);
  gates[1].open();
  assert.equal((await asking).user.name, "New");
});

test("an answer that was late sends nobody away, and is no fault", async () => {
  const tab = await watched();
  const late = gate();
  hold = (at) => at === "GET /auth/session" && late;
  const asking = tab.getSession(); // nobody, at that time
  hold = (at) => at === "GET /auth/session" && count(at) === 2 && late;
  await tab.signIn("credentials", ALICE);
  late.open();
  assert.equal((await asking).user.id, "alice");
  assert.equal(tab.status(), "authenticated");
  asked.length = 0;
  happen("online");
  await sleep(50);
  assert.deepEqual(asked, []);
});

test("signing out waits for an answer that could bring the cookie back", async () => {
  const tab = await open();
  await tab.signIn("credentials", ALICE);
  const late = gate();
  hold = (at) => at === "GET /auth/session" && late;
  tab.getSession();
  const out = tab.signOut({ redirect: false });
  await sleep(50);
  assert.equal(count("POST /auth/signout"), 0);
  late.open();
  assert.equal((await out).ok, true);
  assert.ok(!jar.has("auth.session-token"));
});

test("signing out waits for an update, whose answer would be a new session", async () => {
  for (const many of [1, 2]) {
    const tab = await watched();
    await tab.signIn("credentials", ALICE);
    const gates = [];
    hold = (at) => at === "POST /auth/session" && gates[gates.push(gate()) - 1];
    const saved = Array.from({ length: many }, (_, number) => tab.update({ name: `${number}` }));
    await until(() => gates.length === many);
    const out = tab.signOut({ redirect: false });
    await sleep(50);
    gates.pop().open(); // the answer of the last comes first
    await sleep(50);
    gates.pop()?.open();
    assert.equal((await out).ok, true);
    await Promise.all(saved);
    assert.equal(tab.status(), "unauthenticated");
    assert.ok(!jar.has("auth.session-token"));
  }
});

test("an update that fails keeps nobody from signing out", async () => {
  const tab = await open({ basePath: `${SITE}/brief` });
  await tab.signIn("credentials", ALICE);
  const saved = assert.rejects(tab.update({ name: "x" }), { message: "UpdateUnavailable" });
  assert.equal((await tab.signOut({ redirect: false })).ok, true);
  await saved;
});

test("update tells the jwt callback, and the other tab", async () => {
  const here = await watched();
  await here.signIn("credentials", ALICE);
  const there = await watched();
  assert.equal((await here.update({ name: "New" })).user.name, "New");
  assert.equal(here.seen.at(-1), "New");
  await until(() => there.seen.at(-1) === "New");
  assert.equal((await here.update()).user.name, "New"); // nothing to tell: asks
  assert.equal(await here.update("end"), null); // the callback ended the session
  await until(() => there.status() === "unauthenticated");
});

test("update says why it is refused", async () => {
  const tab = await open({ basePath: `${SITE}/brief` });
  await tab.signIn("credentials", ALICE);
  await assert.rejects(tab.update({ name: "x" }), { message: "UpdateUnavailable", status: 400 });
});

test("who was signed out meanwhile is nobody after an update", async () => {
  const tab = await watched();
  await tab.signIn("credentials", ALICE);
  jar.delete("auth.session-token");
  assert.equal(await tab.update({ name: "x" }), null);
  assert.equal(tab.status(), "unauthenticated");
});

test("what gives no answer changes nothing", async () => {
  const tab = await watched();
  await tab.signIn("credentials", ALICE);
  await realFetch(`${SITE}/control/down`); // 503, and HTML
  assert.equal((await tab.getSession()).user.id, "alice");
  tab.configure({ basePath: "http://127.0.0.1:1/auth" }); // nobody listens there
  assert.equal((await tab.getSession()).user.id, "alice");
  assert.equal(tab.status(), "authenticated");
  await assert.rejects(tab.getProviders());
  for (const act of [tab.signOut({ redirect: false }), tab.signIn("credentials", BOB), tab.signIn("acme")]) {
    assert.deepEqual(await act, { ok: false, status: 0, error: "Unreachable", url: null });
  }
  assert.equal(tab.status(), "authenticated");
  assert.deepEqual(left, []);
});

test("without a first answer it is nobody, until the network is back", async () => {
  await (await open()).signIn("credentials", ALICE);
  await realFetch(`${SITE}/control/down`);
  const delays = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (act, delay) => (delays.push(delay), setTimeout(act, delay));
  const tab = await watched();
  globalThis.setTimeout = setTimeout;
  assert.equal(tab.status(), "unauthenticated");
  assert.ok(delays.includes(30_000), "it will ask again by itself");
  await realFetch(`${SITE}/control/up`);
  happen("online");
  await until(() => tab.status() === "authenticated");
  happen("online"); // nothing was amiss
  await sleep(50);
  assert.equal(count("GET /auth/session"), 3);
});

for (const [clock, hours] of [["right", 0], ["slow", -1], ["fast", 1]]) {
  test(`the end of a session is noticed by a clock that is ${clock}`, async () => {
    Date.now = () => realNow() + hours * 3_600_000;
    const tab = await watched({ basePath: `${SITE}/brief` });
    await tab.signIn("credentials", ALICE);
    assert.equal(tab.status(), "authenticated");
    document.hidden = true; // seen or not
    asked.length = 0;
    await until(() => tab.status() === "unauthenticated", 15);
    assert.deepEqual(asked, ["GET /brief/session"]); // and not by asking all the time
  });
}

test("a session whose end has come is over, also where nobody can be asked", async () => {
  const tab = await watched({ basePath: `${SITE}/brief` });
  await tab.signIn("credentials", ALICE);
  await realFetch(`${SITE}/control/down`);
  await until(() => tab.status() === "unauthenticated", 15);
});

test("a session of two months does not overflow a timer", async () => {
  const expires = new Date(realNow() + 60 * 86_400_000).toISOString();
  const tab = await watched({ session: { user: { id: "alice", name: "Alice" }, expires } });
  const old = { user: { id: "alice", name: "Old" }, expires: "2001-01-01T00:00:00Z" };
  const other = await watched({ session: old }); // nor one of the past asks without end
  await sleep(100);
  assert.deepEqual([asked, tab.seen, other.seen], [[], ["Alice"], ["Old"]]);
});

test("fetch with 401 makes the store look", async () => {
  const tab = await watched();
  await tab.signIn("credentials", ALICE);
  assert.equal((await tab.authFetch(`${SITE}/api/x`)).status, 200);
  asked.length = 0;
  assert.equal((await tab.authFetch(`${SITE}/api/forbidden`)).status, 401); // not for want of a session
  assert.deepEqual([tab.status(), count("GET /auth/session")], ["authenticated", 1]);
  jar.delete("auth.session-token");
  assert.equal((await tab.authFetch(`${SITE}/api/x`)).status, 401);
  assert.equal(tab.status(), "unauthenticated");
  asked.length = 0;
  await tab.authFetch(`${SITE}/api/x`); // known already
  assert.deepEqual(asked, ["GET /api/x"]);
});

test("a 401 of another site says nothing", async () => {
  const tab = await watched();
  await tab.signIn("credentials", ALICE);
  asked.length = 0;
  const elsewhere = SITE.replace("127.0.0.1", "localhost");
  const { status } = await tab.authFetch(`${elsewhere}/api/forbidden`);
  assert.deepEqual([status, asked.length], [401, 1]);
});

test("what is known already is not asked for", async () => {
  const nobody = await watched({ session: null });
  assert.deepEqual([nobody.seen, asked], [["unauthenticated"], []]);
});

test("a page that comes to the front asks, and one in the back does not", async () => {
  const tab = await watched({ refetchInterval: 0.05 });
  await tab.signIn("credentials", ALICE);
  document.hidden = true;
  await sleep(60);
  asked.length = 0;
  happen("visibilitychange");
  await sleep(200);
  assert.deepEqual(asked, []);
  tab.configure({ refetchInterval: 0 });
  document.hidden = false;
  happen("visibilitychange");
  await until(() => count("GET /auth/session") === 1);
  tab.configure({ refetchOnWindowFocus: false });
  happen("visibilitychange");
  await sleep(50);
  assert.equal(count("GET /auth/session"), 1);
});

test("out of the browser's cache a page asks", async () => {
  const tab = await watched();
  events.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
  await sleep(50);
  assert.equal(count("GET /auth/session"), 1);
  tab.configure({ refetchOnWindowFocus: false });
  events.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  await until(() => count("GET /auth/session") === 2);
});

test("an interval asks while somebody is signed in, and online if that is wanted", async () => {
  const tab = await watched({ refetchInterval: 0.05 });
  await sleep(150);
  assert.equal(count("GET /auth/session"), 1); // nobody
  await tab.signIn("credentials", ALICE);
  await until(() => count("GET /auth/session") > 4);
  const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  Object.defineProperty(globalThis, "navigator", { value: { onLine: false }, configurable: true });
  try {
    const sofar = asked.length;
    await until(() => asked.length > sofar + 2); // a site on this machine needs no network
    tab.configure({ refetchWhenOffline: false });
    await sleep(60);
    asked.length = 0;
    await sleep(200);
    assert.deepEqual(asked, []);
  } finally {
    if (before) Object.defineProperty(globalThis, "navigator", before);
    else delete globalThis.navigator;
  }
});

test("when the last listener has gone, nothing goes on", async () => {
  const tab = await watched({ refetchInterval: 0.05 });
  await tab.signIn("credentials", ALICE);
  tab.end();
  tab.end();
  await sleep(60);
  asked.length = 0;
  happen("visibilitychange");
  await sleep(150);
  assert.deepEqual(asked, []);
  tabs.push(tab.session.subscribe(() => {})); // and who comes back gets what is true now
  await until(() => count("GET /auth/session") === 1);
});

test("without a provider, or with one that is not on offer, it goes to the sign-in page", async () => {
  const tab = await open();
  const page = (url) => `${SITE}/auth/signin?callbackUrl=${encodeURIComponent(url)}`;
  await tab.signIn();
  await tab.signIn("nowhere", { redirectTo: "/x" });
  await tab.signIn({ type: "click" }, { isTrusted: true }); // as an event handler
  assert.deepEqual(left, [page("/here?a=b#c"), page("/x"), page("/here?a=b#c")]);
});

test("a provider leads to where it says", async () => {
  const tab = await open();
  await tab.signIn("credentials"); // its form is on the sign-in page
  await tab.signIn("acme", { callbackUrl: "/x" });
  const stayed = await tab.signIn("acme", { redirect: false });
  assert.match(left[0], /^\/auth\/signin\?callbackUrl=/);
  assert.match(left[1], /^https:\/\/acme\.test\/authorize\?/);
  assert.match(stayed.url, /^https:\/\/acme\.test\/authorize\?/);
  assert.equal(left.length, 2);
});

test("a password leads on, and to the page that says what was wrong", async () => {
  const tab = await open();
  const failed = await tab.signIn("credentials", { ...ALICE, password: "x", redirect: true });
  assert.equal(failed.ok, false);
  assert.match(left[0], /^\/auth\/signin\?error=CredentialsSignin&callbackUrl=/);
  await tab.signIn("credentials", { ...ALICE, redirect: true });
  assert.deepEqual(left.slice(1), ["/here?a=b#c", "reload"]); // a hash alone loads nothing
  await tab.signOut({ redirectTo: "/bye#now" });
  assert.deepEqual(left.slice(3), ["/bye#now"]);
});

test("a second click waits for the first", async () => {
  const tab = await open();
  const [first, second] = await Promise.all([1, 2].map(() => tab.signIn("credentials", ALICE)));
  assert.deepEqual(first, second);
  assert.equal(count("POST /auth/callback/credentials"), 1);
  await Promise.all([1, 2].map(() => tab.signOut({ redirect: false })));
  assert.equal(count("POST /auth/signout"), 1);
  assert.equal((await tab.signIn("credentials", BOB)).ok, true); // and a later one is one of its own
});

test("a field that is not there is not sent", async () => {
  const tab = await open();
  const bodies = [];
  hold = (at) => at.startsWith("POST") && bodies.push([...sent.keys()].sort());
  await tab.signIn("credentials", { username: "alice", password: null, otp: undefined, redirect: false });
  assert.deepEqual(bodies, [["callbackUrl", "csrfToken", "username"]]);
});

test("the messages are Auth.js's, and Auth.js's are understood", async () => {
  const auth = new BroadcastChannel("next-auth");
  const heard = [];
  auth.onmessage = ({ data }) => heard.push(data);
  try {
    const tab = await watched();
    await tab.signIn("credentials", ALICE);
    await tab.update({ name: "New" });
    await tab.signOut({ redirect: false });
    await until(() => heard.length === 4);
    assert.deepEqual(heard[1], { event: "session", data: { trigger: "getSession", user: "alice" } });
    assert.deepEqual(heard.map(({ data }) => data.trigger), ["getSession", "getSession", "update", "signout"]);
    asked.length = 0;
    auth.postMessage({ event: "session", data: { trigger: "getSession" } });
    await until(() => asked.length === 1);
    auth.postMessage({ event: "session", data: { trigger: "signout" } });
    await until(() => asked.length === 2);
    auth.postMessage({ event: "session", data: { trigger: "getSession", user: null } }); // no news
    await sleep(50);
    assert.equal(asked.length, 2);
    await tab.signIn("credentials", BOB);
    await until(() => heard.length === 5);
    jar.delete("auth.session-token");
    auth.postMessage({ event: "session", data: { trigger: "signout" } });
    await until(() => tab.status() === "unauthenticated");
    await sleep(50);
    assert.equal(heard.length, 5); // who was told tells nobody
  } finally {
    auth.close();
  }
});
