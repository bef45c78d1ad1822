// A site whose front end is Node: real Auth.js at /api/auth, and everything below /py/ handed on to
// a Python application, as Next.js does with rewrites. /control reads and writes tokens with the
// functions of the packages themselves.
import http from "node:http"
import { Auth } from "@auth/core"
import * as v5 from "@auth/core/jwt"
import Credentials from "@auth/core/providers/credentials"
import * as v4 from "next-auth/jwt"

const [port, python, secrets] = process.argv.slice(2)
const filling = { large: "x".repeat(9000) }

const config = {
  basePath: "/api/auth",
  trustHost: true,
  secret: JSON.parse(secrets),
  session: { strategy: "jwt" },
  providers: [
    Credentials({
      credentials: { username: {} },
      authorize: ({ username }) => ({ id: username, name: `Node's ${username}` }),
    }),
  ],
  callbacks: {
    jwt({ token, user }) {
      if (user) token.role = "editor"
      if (user?.id === "bulky") Object.assign(token, filling)
      return token
    },
    session: ({ session, token }) => ({ ...session, token }),
  },
  logger: { error() {}, warn() {}, debug() {} },
}

const controls = {
  encode: ({ version, ...params }) => (version === 4 ? v4 : v5).encode(params),
  decode: ({ version, ...params }) => (version === 4 ? v4 : v5).decode(params).catch(() => null),
  getToken: ({ headers, ...params }) => v5.getToken({ req: { headers: new Headers(headers) }, ...params }),
  // microseconds of CPU time a call, for the benchmark
  async measure({ headers, calls, ...params }) {
    const req = { headers: new Headers(headers) }
    const run = async (n) => { for (let i = 0; i < n; i++) await v5.getToken({ req, ...params }) }
    await run(calls)
    const before = process.cpuUsage()
    await run(calls)
    const used = process.cpuUsage(before)
    return (used.user + used.system) / calls
  },
}

async function body(request) {
  const blocks = []
  for await (const block of request) blocks.push(block)
  return Buffer.concat(blocks)
}

function handOn(request, response) {
  const { method, url, headers } = request
  const where = { host: "127.0.0.1", port: python, method, path: url, headers, maxHeaderSize: 131072 }
  const onward = http.request(where, (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders)
    answer.pipe(response)
  })
  onward.on("error", () => response.writeHead(502).end())
  request.pipe(onward)
}

async function authjs(request, response) {
  const content = request.method === "POST" ? await body(request) : undefined
  const url = new URL(request.url, `http://${request.headers.host}`)
  const asked = new Request(url, { method: request.method, headers: request.headers, body: content })
  const answer = await Auth(asked, config)
  const headers = [...answer.headers].flat()
  response.writeHead(answer.status, headers).end(Buffer.from(await answer.arrayBuffer()))
}

const server = http.createServer({ maxHeaderSize: 131072 }, async (request, response) => {
  try {
    if (request.url.startsWith("/py/")) return handOn(request, response)
    if (request.url.startsWith("/api/auth/")) return await authjs(request, response)
    const { call, ...params } = JSON.parse(await body(request))
    const result = (await controls[call](params)) ?? null
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(result))
  } catch (error) {
    response.writeHead(500).end(String(error?.stack))
  }
})
server.listen(Number(port), "127.0.0.1")
