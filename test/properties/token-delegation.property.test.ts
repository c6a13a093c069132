// Whatever is asked for, by whom and in which order: no token is ever worth more than the one it was made from.
import { expect, test } from "bun:test";
import type { DescMethod, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { AliasService } from "../../proto/gen/realmgate/v1/aliases_pb.ts";
import { ContainerService } from "../../proto/gen/realmgate/v1/containers_pb.ts";
import { ProjectService } from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { RealmService } from "../../proto/gen/realmgate/v1/realms_pb.ts";
import { TokenService } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";
import { type From, type Outcome, TokenBench } from "../harness/token-bench.ts";

const {
  createToken,
  getToken,
  updateToken,
  copyToken,
  deleteToken,
  addTokenRealm,
  removeTokenRealm,
} = TokenService.method;

const realms = ["a", "b", "c"].map((digit) => digit.repeat(24));
const addresses = ["10.0.0.1", "10.0.0.9", "10.0.1.1", "2001:db8::1"];
const lists = [["*"], ["0.0.0.0/0"], ["10.0.0.0/24"], ["10.0.0.0/29", "10.0.1.0/24"], ["10.0.0.1"]];

/** Methods that need one leaf each and nothing else. */
const doors: readonly (readonly [leaf: string, method: DescMethod, request: JsonObject])[] = [
  ["projects.read", ProjectService.method.listProjects, {}],
  ["projects.create", ProjectService.method.createProject, { alias: "p" }],
  ["containers.read", ContainerService.method.listContainers, {}],
  ["resources.realms", RealmService.method.listRealms, {}],
  ["resources.proxy_aliases", AliasService.method.listAliases, {}],
  ["resources.create_tokens", TokenService.method.listTokens, {}],
];

interface Made {
  readonly id: string;
  readonly secret: string;
  readonly parent: Made | null;
}

/** A token and all it was made from, as their owner is told of them. */
type Chain = readonly Outcome["data"][];

function has({ permissions }: Outcome["data"], leaf: string): boolean {
  return leaf.split(".").reduce((branch, step) => branch?.[step], permissions) === true;
}

/** How a call has to end that a token makes: the slow and obvious model. */
function expected(chain: Chain, leaf: string, { realm, address = "" }: From, now: number): string {
  if (chain.length === 0) return "INVALID_TOKEN";
  if (chain.some(({ expires_at }) => expires_at && Date.parse(expires_at) <= now)) {
    return "TOKEN_EXPIRED";
  }
  if (chain.some(({ is_enabled }) => !is_enabled)) return "TOKEN_DISABLED";
  if (!chain.every(({ ip_whitelist }) => inList(ip_whitelist, address))) return "IP_NOT_ALLOWED";
  const confined = chain.filter(({ realm_ids }) => realm_ids?.length > 0);
  if (realm === undefined && (confined.length > 0 || chain.some((each) => !each.allow_no_realm))) {
    return "REALM_SCOPE_REQUIRED";
  }
  if (realm !== undefined && !confined.every(({ realm_ids }) => realm_ids.includes(realm))) {
    return "REALM_NOT_ALLOWED";
  }
  return chain.every((each) => has(each, leaf)) ? "ok" : "INSUFFICIENT_PERMISSIONS";
}

/** Of the lists above, and of those that they make when one is within another. */
function inList(list: readonly string[], address: string): boolean {
  const networks: Readonly<Record<string, string>> = {
    "*": "",
    "0.0.0.0/0": "1",
    "10.0.0.0/24": "10.0.0.",
    "10.0.1.0/24": "10.0.1.",
    "10.0.0.0/29": "10.0.0.1",
    "10.0.0.1": "10.0.0.1",
  };
  return list.some((entry) => {
    const prefix = networks[entry];
    if (prefix === undefined) throw new Error(`nobody asked for ${entry}`);
    return address.startsWith(prefix);
  });
}

/** What a token that makes another is shown to have made: no more than what it is worth itself. */
function excess(shown: Outcome["data"], maker: Outcome["data"]): string[] {
  const more = doors.map(([leaf]) => leaf).filter((leaf) => has(shown, leaf) && !has(maker, leaf));
  for (const name of ["allow_no_realm", "vault_access", "event_access"]) {
    if (shown[name] && !maker[name]) more.push(name);
  }
  const ends = maker.expires_at ?? "9999";
  if ((shown.expires_at ?? "9999") > ends) more.push("expires_at");
  const strays = addresses.filter((address) => inList(shown.ip_whitelist, address));
  if (!strays.every((address) => inList(maker.ip_whitelist, address))) more.push("ip_whitelist");
  const confined = maker.realm_ids ?? [];
  const named = shown.realm_ids ?? [];
  const within = named.length > 0 && named.every((realm: string) => confined.includes(realm));
  if (confined.length > 0 && !within) more.push("realm_ids");
  return more;
}

function descends({ parent }: Made, from: Made): boolean {
  return parent !== null && (parent === from || descends(parent, from));
}

/** Random calls of one user's sessions and tokens, and what has to hold between them. */
class Story {
  readonly #bench: TokenBench;
  readonly #seed: number;
  readonly #user: string;
  readonly #random: Random;
  readonly #made: Made[] = [];
  /** Calls that were carried out, by who made them, and tokens that were let in somewhere. */
  readonly done = { session: 0, token: 0, letIn: 0, turnedAway: 0 };

  constructor(bench: TokenBench, seed: number) {
    this.#bench = bench;
    this.#seed = seed;
    this.#user = `user-${seed}`;
    this.#random = randomFrom(seed);
  }

  async run(steps: number): Promise<void> {
    await this.#bench.addUser(this.#user);
    for (let step = 0; step < steps; step++) {
      await this.#step();
      if (step % 3 === 2) await this.#check();
    }
  }

  async #step(): Promise<void> {
    const random = this.#random;
    if (random.chance(0.08)) this.#bench.days(1);
    const caller = this.#made.length > 0 && random.chance(0.6) ? random.pick(this.#made) : null;
    const makers = await this.#chainOf(caller);
    const from = this.#somewhere(makers, "resources.create_tokens");
    const own = this.#made.filter((made) => caller === null || descends(made, caller));
    const creates = own.length < 2 || random.chance(0.3);
    const [method, request] = creates ? this.#creation() : this.#change(random.pick(own).id);
    const { code, data } = await this.#bench.call(
      caller?.secret ?? this.#user,
      method,
      request,
      from,
    );
    if (code !== "ok") return;
    this.done[caller === null ? "session" : "token"]++;
    if (data.token === undefined) return;
    this.#made.push({ id: data.id, secret: data.token, parent: caller });
    for (const maker of makers) this.#expect({ request, data, maker }, excess(data, maker), []);
  }

  /** Every token is let in where the model says; and nowhere where the one that made it is not. */
  async #check(): Promise<void> {
    const chains = new Map<Made, Chain>();
    for (let probe = 0; probe < 8; probe++) {
      const children = this.#made.filter(({ parent }) => parent !== null);
      const made = this.#random.pick(children.length > 0 ? children : this.#made);
      const [leaf, method, request] = this.#random.pick(doors);
      const chain = chains.get(made) ?? (await this.#chainOf(made));
      chains.set(made, chain);
      const from = this.#somewhere(chain, leaf);
      const { code } = await this.#bench.call(made.secret, method, request, from);
      this.#expect({ leaf, from, chain }, code, expected(chain, leaf, from, this.#bench.now));
      if (code !== "ok") {
        this.done.turnedAway++;
        continue;
      }
      this.done.letIn++;
      if (made.parent === null) continue;
      const parent = await this.#bench.call(made.parent.secret, method, request, from);
      this.#expect({ leaf, from, chain, who: "the parent" }, parent.code, "ok");
    }
  }

  #expect(story: object, actual: unknown, expected: unknown): void {
    const seed = this.#seed;
    if (!Bun.deepEquals(actual, expected)) console.error(Bun.inspect(story, { depth: 6 }));
    expect({ seed, actual }).toEqual({ seed, actual: expected });
  }

  /** Mostly where the caller is let in, if there is such a place: what is turned away everywhere tells little. */
  #somewhere(chain: Chain, leaf: string): From {
    const random = this.#random;
    const places = [undefined, ...realms].flatMap((realm) =>
      addresses.map((address) => ({ realm, address })),
    );
    const open = places.filter(
      (place) => chain.length > 0 && expected(chain, leaf, place, this.#bench.now) === "ok",
    );
    return random.pick(open.length > 0 && random.chance(0.6) ? open : places);
  }

  #creation(): [DescMethod, JsonObject] {
    const likely = { permissions: 0.9, realm_ids: 0.3, allow_no_realm: 0.1, expires_at: 0.2 };
    const fields = Object.entries({ ...likely, ip_whitelist: 0.3, vault_access: 0.5 });
    const chosen = fields.filter(([, probability]) => this.#random.chance(probability));
    return [createToken, this.#fields(chosen.map(([name]) => name))];
  }

  #change(id: string): [DescMethod, JsonObject] {
    const random = this.#random;
    const names = ["permissions", "realm_ids", "allow_no_realm", "expires_at", "ip_whitelist"];
    const realm_id = random.pick(realms);
    if (random.chance(0.6)) return [updateToken, { id, ...this.#fields([random.pick(names)]) }];
    return random.pick<() => [DescMethod, JsonObject]>([
      () => [updateToken, { id, ...this.#fields(["is_enabled", "vault_access"]) }],
      () => [copyToken, { id }],
      () => [copyToken, { id, ...this.#fields(["expires_at"]) }],
      () => [addTokenRealm, { id, realm_id }],
      () => [removeTokenRealm, { id, realm_id }],
      () => [random.chance(0.3) ? deleteToken : copyToken, { id }],
    ])();
  }

  #fields(names: readonly string[]): JsonObject {
    const random = this.#random;
    const make: Readonly<Record<string, () => JsonValue>> = {
      permissions: () => this.#permissions(),
      realm_ids: () => realms.filter(() => random.chance(0.6)),
      allow_no_realm: () => random.chance(0.6),
      vault_access: () => random.chance(0.5),
      is_enabled: () => random.chance(0.7),
      expires_at: () => this.#end(),
      ip_whitelist: () => random.pick(lists),
    };
    return Object.fromEntries(names.map((name) => [name, make[name]?.() ?? null]));
  }

  #permissions(): JsonObject {
    const tree: Record<string, Record<string, boolean>> = {};
    for (const [leaf] of doors) {
      const [branch = "", name = ""] = leaf.split(".");
      const likely = name === "create_tokens" ? 0.95 : 0.7;
      tree[branch] = { ...tree[branch], [name]: this.#random.chance(likely) };
    }
    return tree;
  }

  #end(): string | null {
    const inDays = this.#random.between(0, 4) * 86_400_000;
    return inDays === 0 ? null : new Date(this.#bench.now + inDays).toISOString();
  }

  /** Of a token that is gone, and of what a session makes, nothing. */
  async #chainOf(made: Made | null): Promise<Chain> {
    if (made === null) return [];
    const { code, data } = await this.#bench.call(this.#user, getToken, { id: made.id });
    return code === "ok" ? [data, ...(await this.#chainOf(made.parent))] : [];
  }
}

test("random makers, children, grandchildren and changes of them: never more than what it is from", async () => {
  await using bench = new TokenBench();
  const done = { session: 0, token: 0, letIn: 0, turnedAway: 0 };
  for (let seed = 1; seed <= 50; seed++) {
    const story = new Story(bench, seed);
    await story.run(30);
    for (const [name, count] of Object.entries(story.done))
      done[name as keyof typeof done] += count;
  }
  // The stories have something to tell.
  expect(done.session).toBeGreaterThan(200);
  expect(done.token).toBeGreaterThan(100);
  expect(done.letIn).toBeGreaterThan(500);
  expect(done.turnedAway).toBeGreaterThan(500);
}, 60_000);
