// What a random operation takes: chosen before it is done, so that it is the same on each store.
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import type { EventDraft } from "../../src/admin/store/call-event.ts";
import {
  EVENT_RESOURCES,
  EVERY_EVENT,
  type EventFilter,
  type EventResource,
  type EventViewer,
  type NewEvent,
} from "../../src/admin/store/event-records.ts";
import type { NodeProcess } from "../../src/admin/store/node-records.ts";
import type { Scope, TokenWriter } from "../../src/admin/store/records.ts";
import type { Random } from "../arbitrary/random.ts";
import { A, B } from "../harness/stage.ts";
import { type Choice, type ComparedStore, choiceOf, type Kind } from "./compared-store.ts";

const texts = ["", "a", "A", "b", "é", "É", "z", "Ω", "😀", "a b", "_", "%", "Zz", "ab", "~"];
const kinds = ["project.created", "project.updated", "project", "token.deleted", "projectile"];
const levels = [ProjectLevel.READ, ProjectLevel.EDIT, ProjectLevel.DELETE] as const;

export class Choices {
  readonly random: Random;
  readonly nowMs: number;
  readonly realms: readonly string[];
  readonly #confinedTo: readonly string[] | null;
  readonly #actor: Choice;
  readonly #maker: Choice;
  readonly #isMadeFrom: boolean;
  readonly #isDryRun: boolean;
  readonly level: ProjectLevel;
  readonly text: string;
  readonly limit: number;

  constructor(random: Random, nowMs: number) {
    this.random = random;
    this.nowMs = nowMs;
    this.realms = random.pick([[], [], [A], [B], [A, B], [A]] as const);
    this.#confinedTo = random.pick([null, null, null, [A], [A, B]] as const);
    this.#actor = { any: false, at: random.below(4) };
    this.#maker = choiceOf(random);
    this.#isMadeFrom = random.chance(0.2);
    this.#isDryRun = random.chance(0.03);
    this.level = random.pick(levels);
    this.text = random.pick(texts);
    this.limit = random.pick([1, 3, 10, 50]);
  }

  pick<T>(choices: readonly T[]): T {
    return this.random.pick(choices);
  }

  choice(): Choice {
    return choiceOf(this.random);
  }

  user(side: ComparedStore): string {
    return side.id("user", this.#actor);
  }

  scope(side: ComparedStore): Scope {
    return {
      userId: this.user(side),
      realmId: this.realms[0] ?? null,
      realms: this.realms,
      confinedTo: this.#confinedTo,
      level: this.level,
      dryRun: this.#isDryRun,
    };
  }

  /** Whose tokens. */
  writer(side: ComparedStore): TokenWriter {
    const madeFrom = this.#isMadeFrom ? side.id("token", this.#maker) : null;
    const { userId, realms, confinedTo } = this.scope(side);
    return { userId, realms, confinedTo, madeFrom };
  }

  realmIds(): readonly string[] {
    return this.pick([[], [A], [B], [A, B]]);
  }

  page<Column extends string>(columns: readonly Column[]) {
    const { random, limit } = this;
    const sortOrder = random.pick(["asc", "desc"] as const);
    return { page: random.between(1, 3), limit, sortOrder, sortBy: random.pick(columns) };
  }

  time(): string {
    const ms = this.nowMs + this.random.between(-2_000_000, 1000);
    return new Date(ms).toISOString();
  }

  /** One or two of the fields. */
  some<T extends object>(fields: T): Partial<T> {
    const entries = Object.entries(fields);
    return Object.fromEntries([this.pick(entries), this.pick(entries)]) as Partial<T>;
  }

  project() {
    const colour = this.pick(["#000", "#fff"]);
    const maxContainers = this.pick([null, 1, 3]);
    return { alias: this.text, color: colour, maxContainers, realmIds: this.realmIds() };
  }

  container() {
    const comment = this.pick([null, this.text]);
    return { name: this.text, color: "#000", realmIds: this.realmIds(), comment };
  }

  alias() {
    return {
      ...{ alias: this.pick(["a", "b", "c", "d", "é"]), program: "files", instance: 1 },
      targetPath: this.pick([null, "/x?y"]),
      allowPathOverride: this.random.chance(0.5),
      expiresAt: this.expiry(),
      enabled: this.random.chance(0.8),
    };
  }

  expiry(): string | null {
    return this.pick([null, "2025-01-01T00:00:00.000Z", "2030-01-01T00:00:00.000Z"]);
  }

  token() {
    return {
      alias: this.text,
      realmIds: this.realmIds(),
      expiresAt: this.expiry(),
      publicKey: this.pick([null, "aa"]),
      publicStorage: this.pick([null, "{}", '{"a":1}']),
      isEnabled: this.random.chance(0.8),
    };
  }

  account() {
    return {
      username: this.text,
      email: `${this.pick(texts)}@Example.test`,
      passwordHash: this.pick(["", "x"]),
      isAdmin: this.random.chance(0.3),
    };
  }

  /** `kind`: of what it is about. */
  event(kind: EventResource | null): (side: ComparedStore) => NewEvent {
    const { random } = this;
    const [resource, token] = [this.choice(), this.choice()];
    const [hasActor, hasToken, hasResource] = [0.7, 0.3, 0.7].map((part) => random.chance(part));
    const fixed = {
      kind: random.pick(kinds),
      code: random.pick([null, "not_found"]),
      attempted: random.pick([null, "project.created"]),
      actorName: random.pick([null, this.text]),
      ip: random.pick([null, "192.0.2.1", "2001:db8::1"]),
      requestId: random.pick([null, "r"]),
      realmId: this.realms[0] ?? null,
      resourceKind: kind,
      fields: random.pick([[], ["alias"], ["alias", "é"]]),
      ...{ versionBefore: null, versionAfter: null },
      method: random.pick([null, "PUT", "GET"]),
      path: random.pick([null, "/api/v1/projects/x"]),
      status: random.pick([null, 200, 204, 404, 503]),
    };
    return (side) => ({
      ...fixed,
      actorId: hasActor ? this.user(side) : null,
      tokenId: hasToken ? side.id("token", token) : null,
      resourceId: hasResource && isMade(kind) ? side.id(kind, resource) : null,
    });
  }

  /** Of a call that leaves an event. */
  draft(): (side: ComparedStore) => EventDraft {
    const event = this.event(this.pick([null, ...EVENT_RESOURCES]));
    const kind = this.pick(["project", "container", "alias"] as const);
    const [place, isWithin, takesAway] = [
      this.choice(),
      this.random.chance(0.5),
      this.random.chance(0.3),
    ];
    return (side) => ({
      ...event(side),
      within: isWithin ? { kind, id: side.id(kind, place) } : null,
      takesAway,
    });
  }

  filter(): (side: ComparedStore) => EventFilter {
    const { random } = this;
    const [one, other] = [this.time(), this.time()];
    const chosen = this.some({
      kinds: random.pick([["project"], ["project", "token"], ["token.deleted"], []]),
      resourceKinds: random.pick([["project"], ["user", "node", "token"], []]),
      isOfDocument: random.chance(0.5),
      since: one,
      until: other,
      isActivity: true,
      minStatus: 204,
      maxStatus: 404,
      method: "PUT",
    }) as Partial<EventFilter>;
    const named = random.pick(["actorId", "resourceId", "projectId", "containerId", null] as const);
    const kind = random.pick(["project", "container", "alias", "token", "user"] as const);
    const id = this.choice();
    const kindOf = { actorId: "user", projectId: "project", containerId: "container" } as const;
    return (side) => {
      const about = named === null || named === "resourceId" ? kind : kindOf[named];
      const ids = named === null ? {} : { [named]: side.id(about, id) };
      return { ...EVERY_EVENT, ...chosen, ...ids };
    };
  }

  viewer(): (side: ComparedStore) => EventViewer {
    const [token, hasToken, isOperator] = [
      this.choice(),
      this.random.chance(0.2),
      this.random.chance(0.4),
    ];
    return (side) => ({
      scope: this.scope(side),
      tokenId: hasToken ? side.id("token", token) : null,
      isOperator,
    });
  }

  process(): (side: ComparedStore) => NodeProcess {
    const node = this.choice();
    const fixed = {
      process: this.pick(["a", "b"]),
      boot: this.pick(["1", "2"]),
      version: "1",
      servers: this.pick([["local"], ["local", "Other"], []]),
      enforcedRevision: this.random.below(1 << 20),
      enforcedLineage: "",
      heardAt: this.time(),
      listeners: this.pick([[], ["127.0.0.1:80", "[::1]:80"]]),
      programPorts: this.pick([{}, { files: 80 }]),
      leaseMs: this.pick([null, 0, 31_536_000_000]),
      addresses: this.pick([[], ["10.0.0.7"]]),
      containerNetworks: this.pick([[], ["10.1.0.0/16"]]),
    };
    return (side) => ({ ...fixed, nodeId: side.id("node", node) });
  }
}

function isMade(kind: EventResource | null): kind is EventResource & Kind {
  return kind !== null && kind !== "permission" && kind !== "realm";
}
