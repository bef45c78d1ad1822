import { authFetch, session, signIn, signOut } from "/auth/client.js";

const at = (id) => document.getElementById(id);

// called at once, and whenever somebody signs in or out, in this tab or another
session.subscribe(({ data, status }) => {
  at("name").textContent = data?.user.name ?? "stranger";
  at("sign-in").hidden = status !== "unauthenticated";
  at("members").hidden = status !== "authenticated";
  at("text").textContent = "";
});

at("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const result = await signIn("credentials", {
    ...Object.fromEntries(new FormData(form)),
    redirect: false,
  });
  form.querySelector("[role=alert]").textContent = result.ok ? "" : "That did not match.";
  if (result.ok) form.reset();
});

at("load").addEventListener("click", async () => {
  const response = await authFetch("/api/members");
  if (response.ok) at("text").textContent = (await response.json()).text;
});

at("sign-out").addEventListener("click", () => signOut({ redirect: false }));
