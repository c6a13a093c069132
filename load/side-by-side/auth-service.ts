// The service that nginx (`auth_request`) and Caddy (`forward_auth`) ask about each JWT. A token that was verified once is kept
// with its expiry, as the gate keeps it: the comparison is of the round trip, not of signatures. Prints its port.
import { jwtVerify } from "jose";
import { JWT_SECRET } from "./work.ts";

const KEPT_MAX = 10_000;
const secret = new TextEncoder().encode(JWT_SECRET);
/** `Authorization` to expiry, Unix seconds. */
const verified = new Map<string, number>();

const allowed = () => new Response(null, { status: 200 });
const refused = () => new Response(null, { status: 401 });

async function verify(authorization: string): Promise<Response> {
  try {
    const { payload } = await jwtVerify(authorization.slice("Bearer ".length), secret, {
      algorithms: ["HS256"],
    });
    if (verified.size < KEPT_MAX) verified.set(authorization, payload.exp ?? 0);
    return allowed();
  } catch {
    return refused();
  }
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  fetch(request) {
    const authorization = request.headers.get("authorization");
    if (authorization === null) return refused();
    const untilS = verified.get(authorization);
    if (untilS !== undefined && untilS > Date.now() / 1000) return allowed();
    return verify(authorization);
  },
});
console.log(server.port);
