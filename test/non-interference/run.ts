// Two universes that differ only outside one realm; the same calls of a caller confined to it; the first answer that differs.
import { type Random, randomFrom } from "../arbitrary/random.ts";
import { ControlPlane, type Request, type Seen } from "../harness/control-plane.ts";
import { here, type Known, names, nowhere, randomCall, there } from "./inside.ts";
import { type Ground, randomEvent, visited } from "./outside.ts";

export interface Difference {
  readonly call: Request;
  readonly answers: readonly [Seen, Seen];
}

export interface Run {
  readonly difference: Difference | null;
  /** How often each status was answered: a run in which everything is refused would prove nothing. */
  readonly statuses: ReadonlyMap<number, number>;
}

/** Ids, secrets and drawn names are random in each universe: what counts is where the same one comes again. */
const drawn =
  /(?<="next_cursor":")[\w-]+|hdy_[\w-]{43}|[0-9a-f]{48}|\b[0-9a-hjkmnp-tv-z]{26}\b|\b[0-9a-f]{24}\b/g;
/** What is shared is shared with another realm in each universe: which one it is must not be told. */
const beyond = ["dddddddddddddddddddddddd", "eeeeeeeeeeeeeeeeeeeeeeee"] as const;
const constants: ReadonlySet<string> = new Set([here, there, nowhere, ...beyond]);

/** A universe with names for what was drawn in it: `@3@` is the fourth thing drawn, in both. */
class Side {
  readonly universe: ControlPlane;
  readonly random: Random;
  readonly #labels = new Map<string, string>();
  readonly #values: string[] = [];
  caller = "";
  ground: Ground | null = null;

  constructor(universe: ControlPlane, random: Random) {
    this.universe = universe;
    this.random = random;
  }

  label(value: string): string {
    const known = this.#labels.get(value);
    if (known !== undefined) return known;
    const label = `@${this.#values.length}@`;
    this.#labels.set(value, label);
    this.#values.push(value);
    return label;
  }

  canonical(text: string): string {
    return text.replace(drawn, (value, at: number) => {
      if (constants.has(value)) return value;
      // Of a cursor the length is compared, too.
      const isCursor = text.slice(0, at).endsWith('"next_cursor":"');
      return isCursor ? `${this.label(value)}${value.length}` : this.label(value);
    });
  }

  resolve(text: string): string {
    return text.replace(/@(\d+)@/g, (_, index) => this.#values[Number(index)] ?? "");
  }

  async ask(call: Request): Promise<Seen> {
    const body =
      call.body === undefined ? {} : { body: JSON.parse(this.resolve(JSON.stringify(call.body))) };
    const path = this.resolve(call.path);
    const seen = await this.universe.call(this.caller, { ...call, ...body, path });
    const headers = JSON.parse(this.canonical(JSON.stringify(seen.headers)));
    return { status: seen.status, headers, text: this.canonical(seen.text) };
  }
}

/** Plays one run of `calls` calls. `seed` draws the calls; what is outside is drawn from other seeds, one a universe. */
export async function play(
  seed: number,
  calls: number,
  tamper?: ConstructorParameters<typeof ControlPlane>[0],
): Promise<Run> {
  await using one = new ControlPlane(tamper);
  await using two = new ControlPlane(tamper);
  const sides = [
    new Side(one, randomFrom(seed * 2 + 1_000_003)),
    new Side(two, randomFrom(seed * 2 + 2_000_006)),
  ] as const;
  const known = noneKnown();
  const strangers = noneKnown();
  let step = 0;
  for (const [index, side] of sides.entries()) {
    step = await furnish(side, index === 0 ? known : null, beyond[index] ?? there);
  }
  const random = randomFrom(seed);
  const statuses = new Map<number, number>();
  for (let n = 0; n < calls; n++) {
    step++;
    for (const side of sides) {
      await befall(side, step, strangers);
      visited(
        side.universe,
        side.resolve(known.containers[n % known.containers.length] ?? nowhere),
      );
    }
    step++;
    const call = randomCall(random, withSome(known, strangers, random));
    for (const { universe } of sides) universe.at(step);
    const [first, second] = [await sides[0].ask(call), await sides[1].ask(call)];
    if (!Bun.deepEquals(first, second))
      return { difference: { call, answers: [first, second] }, statuses };
    statuses.set(first.status, (statuses.get(first.status) ?? 0) + 1);
    const cursor = /"next_cursor":"(@\d+@)/.exec(first.text)?.[1];
    if (cursor !== undefined) known.cursors.push(withCursor(call.path, cursor));
    if (first.status === 201) remember(call.path, JSON.parse(first.text).data.id, known);
  }
  return { difference: null, statuses };
}

/** Up to two things happen outside. Their ids become known: asking for them has to tell nothing. */
async function befall(
  { universe, random, ground }: Side,
  step: number,
  strangers: Known,
): Promise<void> {
  universe.at(step);
  if (ground === null) throw new Error("nothing was furnished");
  for (let n = random.chance(0.5) ? random.between(1, 2) : 0; n > 0; n--) {
    await randomEvent(random, (kind, id) => strangers[kind].push(id))(universe, ground);
  }
}

function noneKnown(): Known {
  return {
    projects: [nowhere],
    containers: [nowhere],
    tokens: [nowhere],
    aliases: [nowhere],
    members: [nowhere],
    users: [nowhere],
    cursors: ["/projects?limit=2&cursor="],
  };
}

/** What the caller may name: mostly what it knows, and one thing of each kind that only one of the universes has. */
function withSome(known: Known, strangers: Known, random: Random): Known {
  const kinds = Object.keys(known) as (keyof Known)[];
  const pools = kinds.map(
    (kind) => [kind, [...known[kind], random.pick(strangers[kind])]] as const,
  );
  return Object.fromEntries(pools) as unknown as Known;
}

function withCursor(path: string, cursor: string): string {
  return path.replace(/(?<=[?&]cursor=)[^&]*/, cursor);
}

function remember(path: string, id: string, known: Known): void {
  if (path.startsWith("/auth/")) known.tokens.push(id);
  else if (path.startsWith("/proxy/aliases")) known.aliases.push(id);
  else if (path.includes("/permissions")) known.members.push(id);
  else if (path.includes("/containers?") || path.endsWith("/containers")) known.containers.push(id);
  else if (path.startsWith("/projects")) known.projects.push(id);
}

/**
 * The same for both, but for the realm `beyond`: what is in the realm, and what lies across its border. Answers the step that
 * it took.
 */
async function furnish(side: Side, known: Known | null, beyond: string): Promise<number> {
  const { universe } = side;
  let step = 0;
  const tick = () => universe.at(++step);
  tick();
  await universe.store.createFirstUser({ username: "owner", passwordHash: "-" });
  await universe.store.registerServer("local");
  await universe.store.createUser({ username: "other", email: "o@example.com", passwordHash: "-" });
  const owner = await universe.session("owner");
  const other = await universe.session("other");
  const make = async (as: string, path: string, body: unknown, kind?: keyof Known) => {
    tick();
    const { id, token } = await universe.data(as, { method: "POST", path, realm: null, body });
    const label = side.label(id);
    if (kind !== undefined) known?.[kind].push(label);
    if (kind === "containers") visited(universe, id);
    return { id, token };
  };
  const color = "#333333";
  const inside = { realm_ids: [here], color };
  const first = await make(owner, "/projects", { alias: names[0], ...inside }, "projects");
  const second = await make(owner, "/projects", { alias: names[1], ...inside }, "projects");
  const both = { realm_ids: [here, beyond], color };
  const shared = await make(owner, "/projects", { alias: names[2], ...both }, "projects");
  const straddling = await make(
    owner,
    "/projects",
    { alias: "straddling", color, realm_ids: [there] },
    "projects",
  );
  const foreign = await make(
    other,
    "/projects",
    { alias: "foreign", color, realm_ids: [there] },
    "projects",
  );
  const joined = await make(other, "/projects", { alias: "joined", ...inside }, "projects");
  for (const project of [first, shared, straddling, joined]) {
    const path = `/projects/${project.id}/containers`;
    await make(
      project === joined ? other : owner,
      path,
      { name: names[0], ...inside },
      "containers",
    );
  }
  await make(owner, `/projects/${first.id}/containers`, { name: names[1], ...both }, "containers");
  // Its document holds beyond the realm from the beginning: that it does is told, and no more.
  const hidden = { name: "hidden", realm_ids: [beyond], color };
  await make(owner, `/projects/${second.id}/containers`, hidden);
  const ownerId = (await universe.data(owner, { method: "GET", path: "/users/me", realm: null }))
    .id;
  const otherId = (await universe.data(other, { method: "GET", path: "/users/me", realm: null }))
    .id;
  const userLabels = [side.label(ownerId), side.label(otherId)];
  known?.users.push(...userLabels);
  const level = { user_id: ownerId, permission_level: "edit" };
  await make(other, `/projects/${joined.id}/permissions`, level, "members");
  const templates = await universe.data(owner, {
    method: "GET",
    path: "/auth/tokens/templates",
    realm: null,
  });
  const { permissions } = templates.find((each: { name: string }) => each.name === "full_access");
  const token = await make(owner, "/auth/tokens", {
    alias: "confined",
    realm_ids: [here],
    permissions,
  });
  side.caller = `Bearer ${token.token}`;
  side.ground = {
    projects: [first.id, second.id],
    straddling: straddling.id,
    foreign: foreign.id,
    owner,
    other,
    otherId,
  };
  return step;
}
