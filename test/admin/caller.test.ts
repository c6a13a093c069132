import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { ApiError } from "../../proto/call.ts";
import { refusalOf } from "../../proto/errors.ts";
import { type Caller, Callers, isOperator, mayDo } from "../../src/admin/auth/caller.ts";
import { LoginLimiter } from "../../src/admin/auth/login-limiter.ts";
import { PasswordLogin } from "../../src/admin/auth/password-login.ts";
import { Sessions } from "../../src/admin/auth/session.ts";
import { hashSecret, newSecret } from "../../src/admin/auth/token-secret.ts";
import type { NewToken, User } from "../../src/admin/store/records.ts";
import { deriveKey, SecretBox } from "../../src/admin/store/sealed.ts";
import { openSqliteStore } from "../../src/admin/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { basic } from "../harness/credentials.ts";
import { plainToken } from "../harness/token-bench.ts";

const master = randomBytes(32);
const start = Date.UTC(2026, 0, 1);
const here = "192.0.2.1";
let clock = start;
const now = () => clock;
const sessions = new Sessions(() => [deriveKey(master, "sessions")], now);

let store: Store;
let callers: Callers;
let ada: User;
let session: string;
let secret: string;

beforeAll(async () => {
  store = openSqliteStore({ path: ":memory:", box: new SecretBox(master, "documents"), now });
  const cheap = { algorithm: "argon2id", memoryCost: 8, timeCost: 2 } as const;
  const passwordHash = await Bun.password.hash("pass:wörd", cheap);
  await store.createFirstUser({ username: "admin", passwordHash });
  await store.createUser({ username: "ada", email: "ada@example.com", passwordHash });
  ada = await user("ada");
  callers = new Callers(store, sessions, new PasswordLogin(store, new LoginLimiter(() => 0)), now);
  session = (await sessions.issue(ada, "access")).token;
  secret = await token("usual");
});

afterAll(() => store.close());

async function user(username: string): Promise<User> {
  const found = await store.userForLogin({ username });
  if (found === null) throw new Error(`${username} was not stored`);
  return found;
}

/** A token of ada's, or of another user's. */
async function token(alias: string, fields: Partial<NewToken> = {}, owner = ada): Promise<string> {
  const made = newSecret();
  const writer = { userId: owner.id, realms: [], confinedTo: null, madeFrom: null };
  const secretHash = hashSecret(made);
  await store.createToken(writer, { ...plainToken, ...fields, alias, secretHash });
  return made;
}

/** Who is calling so: name and whether it is a token; or why it is nobody. */
async function identify(credential: string | null, address = here): Promise<string> {
  try {
    const { user, token } = await callers.identify(credential, address);
    return `${user.username} ${token === null ? "herself" : "by token"}`;
  } catch (error) {
    if (error instanceof ApiError) return refusalOf(error.code).code;
    throw error;
  }
}

describe("who calls", () => {
  test.each([
    ["Bearer and a session", () => `Bearer ${session}`, "ada herself"],
    ["Bearer and a token", () => `Bearer ${secret}`, "ada by token"],
    ["a token alone", () => secret, "ada by token"],
    ["Basic, name and password", () => basic("ada:pass:wörd"), "ada herself"],
    ["Basic, address and password", () => basic("ADA@example.com:pass:wörd"), "ada herself"],
    ["Basic, name and token", () => basic(`ada:${secret}`), "ada by token"],
    ["Basic, address and token", () => basic(`Ada@Example.com:${secret}`), "ada by token"],
    ["Basic, token and nothing", () => basic(`${secret}:`), "ada by token"],
    ["Basic, token and anything", () => basic(`${secret}:x:y`), "ada by token"],
    ["Bearer in any case and a session", () => `bearer ${session}`, "ada herself"],
    ["Bearer in any case and a token", () => `bEARER ${secret}`, "ada by token"],
    ["Bearer, several spaces and a session", () => `BEARER   ${session}`, "ada herself"],
    ["Bearer, two spaces and a token", () => `Bearer  ${secret}`, "ada by token"],
    ["Basic in any case", () => basic("ada:pass:wörd").replace("B", "b"), "ada herself"],
    [
      "Basic, several spaces",
      () => basic("ada:pass:wörd").replace("Basic ", "BASIC   "),
      "ada herself",
    ],
    ["Basic without padding", () => basic("ada:pass:wörd").replace(/=+$/, ""), "ada herself"],
  ])("%s", async (_what, credential, who) => {
    expect(await identify(credential())).toBe(who);
  });

  test.each([
    ["nothing", () => null, "MISSING_TOKEN"],
    ["an empty value", () => "", "MISSING_TOKEN"],
    ["a session alone", () => session, "INVALID_TOKEN"],
    ["a tab after Bearer", () => `Bearer\t${secret}`, "INVALID_TOKEN"],
    ["a space before Bearer", () => ` Bearer ${secret}`, "INVALID_TOKEN"],
    ["no space after Bearer", () => `Bearer${secret}`, "INVALID_TOKEN"],
    ["Bearer twice", () => `Bearer Bearer ${secret}`, "INVALID_TOKEN"],
    ["another word for Bearer", () => `Token ${secret}`, "INVALID_TOKEN"],
    ["a letter that is k in any case", () => `To\u212aen ${secret}`, "INVALID_TOKEN"],
    [
      "a letter that is s in any case",
      () => basic("ada:pass:wörd").replace("s", "\u017f"),
      "INVALID_TOKEN",
    ],
    ["a space before a token", () => ` ${secret}`, "INVALID_TOKEN"],
    ["a space after it", () => `Bearer ${secret} `, "INVALID_TOKEN"],
    ["two tokens", () => `Bearer ${secret}, Bearer ${secret}`, "INVALID_TOKEN"],
    ["Bearer alone", () => "Bearer ", "INVALID_TOKEN"],
    [
      "a refresh session",
      async () => `Bearer ${(await sessions.issue(ada, "refresh")).token}`,
      "INVALID_TOKEN",
    ],
    ["a token that nobody has", () => newSecret(), "INVALID_TOKEN"],
    ["a token cut short", () => secret.slice(0, -1), "INVALID_TOKEN"],
    ["the prefix alone", () => "hdy_", "INVALID_TOKEN"],
    ["its hash", () => `hdy_${hashSecret(secret).toString("base64url")}`, "INVALID_TOKEN"],
    ["another's name and a token", () => basic(`admin:${secret}`), "INVALID_TOKEN"],
    ["no name and a token", () => basic(`:${secret}`), "INVALID_TOKEN"],
    ["a wrong password", () => basic("ada:password"), "INVALID_CREDENTIALS"],
    ["an empty password", () => basic("ada:"), "INVALID_CREDENTIALS"],
    ["nobody's name", () => basic("eve:pass:wörd"), "INVALID_CREDENTIALS"],
    ["Basic without a colon", () => basic("ada"), "INVALID_TOKEN"],
    ["Basic that is no base64", () => "Basic ada:pass", "INVALID_TOKEN"],
    ["Basic alone", () => "Basic", "INVALID_TOKEN"],
    ["another scheme", () => `Digest ${session}`, "INVALID_TOKEN"],
  ])("is not said by %s", async (_what, credential, code) => {
    expect(await identify(await credential())).toBe(code);
  });

  test("a session of an earlier generation, or of somebody else, is over", async () => {
    const earlier = await sessions.issue({ ...ada, sessionGeneration: 7 }, "access");
    expect(await identify(`Bearer ${earlier.token}`)).toBe("INVALID_TOKEN");
    const nobody = await sessions.issue({ ...ada, id: "0".repeat(24) }, "access");
    expect(await identify(`Bearer ${nobody.token}`)).toBe("INVALID_TOKEN");
  });
});

describe("a token", () => {
  test("counts as expired before suspended, and that before where it is used", async () => {
    const end = new Date(start + 1000).toISOString();
    const made = await token("all at once", { expiresAt: end, ipWhitelist: ["10.0.0.1"] });
    expect(await identify(made)).toBe("IP_NOT_ALLOWED");
    expect(await identify(made, "10.0.0.1")).toBe("ada by token");
    const chain = await store.tokenChain(hashSecret(made));
    const writer = { userId: ada.id, realms: [], confinedTo: null, madeFrom: null };
    await store.updateToken(writer, chain[0]?.id ?? "", () => ({ isEnabled: false }));
    expect(await identify(made)).toBe("TOKEN_DISABLED");
    clock = start + 1000;
    expect(await identify(made)).toBe("TOKEN_EXPIRED");
    clock = start;
  });

  test("that is turned away is not noted as used", async () => {
    const made = await token("unused", { ipWhitelist: ["10.0.0.1"] });
    await identify(made);
    const [unused] = await store.tokenChain(hashSecret(made));
    expect(unused?.lastUsedAt).toBeNull();
  });
});

describe("what a caller may do", () => {
  const identified = (credential: string): Promise<Caller> => callers.identify(credential, here);
  const permissions = '{"admin":{"servers":true},"projects":{"read":true}}';

  test("everything in a session, in a token what it says", async () => {
    const herself = await identified(`Bearer ${session}`);
    expect(mayDo(herself, "projects.delete")).toBeTrue();
    const byToken = await identified(await token("reader", { permissions }));
    expect(mayDo(byToken, "projects.read")).toBeTrue();
    expect(mayDo(byToken, "projects.delete")).toBeFalse();
  });

  test("operate the installation: an operator, whose tokens need the leaf", async () => {
    const admin = await user("admin");
    const adminSession = `Bearer ${(await sessions.issue(admin, "access")).token}`;
    const operates = async (credential: string) => isOperator(await identified(credential));
    expect(await operates(adminSession)).toBeTrue();
    expect(await operates(await token("operator", { permissions }, admin))).toBeTrue();
    expect(await operates(await token("other", {}, admin))).toBeFalse();
    const realmIds = ["a".repeat(24)];
    expect(await operates(await token("confined", { permissions, realmIds }, admin))).toBeFalse();
    expect(await operates(`Bearer ${session}`)).toBeFalse();
    expect(await operates(await token("pretender", { permissions }))).toBeFalse();
  });
});
