import { useState, type FormEvent } from "react";
import { authFetch, signIn, signOut, update, type Session } from "/auth/client.js";
import { useSession } from "./useSession";

export function App() {
  const { data, status } = useSession();
  if (status === "loading") return <p>One moment…</p>;
  return status === "authenticated" ? <Members session={data} /> : <SignIn />;
}

function SignIn() {
  const [error, setError] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.currentTarget));
    const result = await signIn("credentials", { ...fields, redirect: false });
    setError(result.ok ? "" : "That did not match.");
  }

  return (
    <form onSubmit={submit}>
      <h1>Hello, stranger</h1>
      <p>
        <label>
          User name <input name="username" autoComplete="username" required />
        </label>
      </p>
      <p>
        <label>
          Password <input name="password" type="password" autoComplete="current-password" required />
        </label>
      </p>
      <p role="alert">{error}</p>
      <button>Sign in</button> (ada, lovelace)
    </form>
  );
}

function Members({ session }: { session: Session }) {
  const [text, setText] = useState("");

  async function load() {
    const response = await authFetch("/api/members");
    if (response.ok) setText((await response.json()).text);
  }

  return (
    <>
      <h1>Hello, {session.user.name}</h1>
      <p>
        <button onClick={load}>What members read</button>{" "}
        <button onClick={() => update({ name: "Countess Lovelace" })}>Be a countess</button>{" "}
        <button onClick={() => signOut({ redirect: false })}>Sign out</button>
      </p>
      <p>{text}</p>
    </>
  );
}
