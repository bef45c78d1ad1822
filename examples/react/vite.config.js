import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// client.js stays where it is: the middleware serves it
const external = { name: "wsgi_auth", enforce: "pre", resolveId };

function resolveId(id) {
  return id === "/auth/client.js" ? { id, external: true } : null;
}

// npm run dev: the page from Vite, everything else from the application, which has to see the
// browser's own Host to know that a form comes from this site
const application = { target: "http://127.0.0.1:8080", changeOrigin: false };

export default defineConfig({
  plugins: [external, react()],
  server: {
    proxy: { "/auth": application, "/api": application },
    preTransformRequests: false, // it would look for client.js here
  },
});
