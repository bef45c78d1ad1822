// What an application writes, and what the types keep it from writing. TypeScript alone reads this.
import {
  authFetch, configure, getCsrfToken, getProviders, getSession, session, signIn, signOut, update,
  type Result, type Session, type SessionState,
} from "/auth/client.js";

declare module "/auth/client.js" {
  interface User {
    role: "reader" | "editor";
  }
  interface Session {
    theme?: string;
  }
}

export async function use(form: HTMLFormElement): Promise<void> {
  const end: () => void = session.subscribe((state: SessionState) => {
    if (state.status === "authenticated") console.log(state.data.user.role, state.data.theme);
    // @ts-expect-error - nobody is there
    else console.log(state.data.user);
  });
  const { subscribe, getSnapshot } = session; // neither needs its object
  subscribe(() => getSnapshot().status)();
  end();

  const somebody: Session | null = await getSession();
  // @ts-expect-error - it may be nobody
  console.log(somebody.user);
  const name: string | null | undefined = somebody?.user.name;

  const done: Result = await signIn("credentials", {
    ...Object.fromEntries(new FormData(form)), redirect: false, redirectTo: "/x", otp: undefined,
  });
  if (done.error === "CredentialsSignin") console.log(done.code, done.status, done.url, name);
  await signIn();
  await signIn("google", {}, { login_hint: "ada@example.org" });
  // @ts-expect-error - an event is no provider
  form.addEventListener("submit", signIn);
  await signOut({ redirectTo: "/bye" });
  // @ts-expect-error - a misspelling
  await signOut({ redirectTO: "/bye" });

  const updated: Session | null = await update({ theme: "dark" });
  const types: string[] = Object.values(await getProviders()).map(({ type }) => type);
  const token: string = await getCsrfToken();
  const answer: Response = await authFetch("/api", { method: "POST", body: token });
  configure({ refetchInterval: 60, refetchOnWindowFocus: false, refetchWhenOffline: false });
  configure({ session: updated, basePath: "/auth" });
  // @ts-expect-error - seconds
  configure({ refetchInterval: "1m" });
  console.log(types, answer.ok);
}
