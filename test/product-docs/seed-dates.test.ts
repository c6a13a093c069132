// The three tokens that the description of projects and realms makes with a date, sent to the letter: at a time
// when all dates are to come, and afterwards. The clock is the test's, so that this holds whenever it runs.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ControlPlane, type Request } from "../harness/control-plane.ts";

/** Lines 95–99, 136–141 and 173–180. */
const bodies = {
  "ci-staging-deploy": {
    alias: "ci-staging-deploy",
    expires_at: "2026-07-12T00:00:00Z",
    realm_ids: ["60d5f1f3a3b4f9c3e8a1b2c3"],
    allow_no_realm: false,
  },
  "freelancer-debug": {
    alias: "freelancer-debug",
    expires_at: "2026-04-20T00:00:00Z",
    ip_whitelist: "203.0.113.44",
    realm_ids: ["507f1f77bcf86cd799439011"],
    allow_no_realm: false,
  },
  "Customer: Acme Corp": {
    alias: "Customer: Acme Corp",
    permission_template: "external_customer",
    realm_ids: ["507f1f77bcf86cd799439011"],
    allow_no_realm: false,
    ip_whitelist: ["203.0.113.0/24"],
    expires_at: "2026-12-31T00:00:00Z",
  },
} as const;
const cases = Object.values(bodies);

let plane: ControlPlane;

beforeEach(async () => {
  plane = new ControlPlane();
  await plane.store.createFirstUser({ username: "provider", passwordHash: "" });
});

afterEach(() => plane[Symbol.asyncDispose]());

function setClock(date: string): void {
  plane.at((Date.parse(date) - Date.UTC(2026, 0, 1)) / 1000);
}

async function call(authorization: string, request: Partial<Request>) {
  const whole = { method: "POST", path: "/auth/tokens", realm: null, ...request };
  const { status, text } = await plane.call(authorization, whole);
  const { data, code } = JSON.parse(text);
  return { status, data, code };
}

describe("a date of the description", () => {
  test.each(cases)("of $alias is taken as long as it is to come", async (body) => {
    setClock("2026-04-13T09:00:00Z");
    const { status, data } = await call(await plane.session("provider"), { body });
    const { ip_whitelist = "*", permission_template: _, ...shown } = { ...body } as Sent;
    expect([status, data]).toMatchObject([
      201,
      {
        ...shown,
        expires_at: body.expires_at.replace("Z", ".000Z"),
        ip_whitelist: [ip_whitelist].flat(),
      },
    ]);
  });

  test.each(cases)("of $alias is refused once it has passed", async (body) => {
    setClock("2027-01-01T00:00:00Z");
    const { status, code } = await call(await plane.session("provider"), { body });
    expect([status, code]).toEqual([400, "EXPIRATION_IN_PAST"]);
  });

  test("ends the token with that second", async () => {
    setClock("2026-04-13T09:00:00Z");
    const body = bodies["ci-staging-deploy"];
    const { data } = await call(await plane.session("provider"), { body });
    const use = { method: "GET", path: "/containers/", realm: body.realm_ids[0] };
    setClock("2026-07-11T23:59:59Z");
    expect((await call(data.token, use)).status).toBe(200);
    setClock("2026-07-12T00:00:00Z");
    const { status, code } = await call(data.token, use);
    expect([status, code]).toEqual([401, "TOKEN_EXPIRED"]);
  });
});

interface Sent {
  readonly ip_whitelist?: string | readonly string[];
  readonly permission_template?: string;
}
