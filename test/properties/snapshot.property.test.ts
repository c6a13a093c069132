// Whatever changes arrive, in whatever order and batches: the snapshot equals one built from the present state alone, and no
// snapshot changes once it was made.
import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import type { Changes } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import type { CompiledPolicy } from "../../src/policy/compile.ts";
import { decide, grantingGroups } from "../../src/policy/decide.ts";
import { identify } from "../../src/policy/identify.ts";
import { parseAddressKey } from "../../src/policy/ip-range.ts";
import { RequestCredentials } from "../../src/proxy/gate/credentials.ts";
import { Snapshot } from "../../src/proxy/snapshot/snapshot.ts";
import { type ContainerInit, feedChanges, type ProjectInit } from "../harness/feed-changes.ts";

const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
const runs = 300;

const projectIds = ["a1", "a2", "a3"].map((id) => id.padStart(24, "0"));
const containerIds = ["c1", "c2", "c3", "c4", "c5"].map((id) => id.padStart(24, "0"));
const aliasNames = ["shop", "shop-2", "docs"];
const programs = ["terminal", "http"];

const documents: readonly (JsonObject | undefined)[] = [
  undefined,
  { default: "allow" },
  { default: "deny" },
  {
    groups: { office: { type: "ip", range: "10.1.0.0/16" } },
    permissions: { office: { terminal: true } },
    default: "deny",
  },
  {
    groups: { partner: { type: "token", value: "sesame-sesame", header: "X-Token" } },
    permissions: { partner: { http: [3000] } },
    default: "deny",
  },
  { groups: { office: { type: "ip", range: "nonsense" } }, default: "allow" },
];

/** Requests by address and token. */
const requests = [
  ["10.1.2.3", null],
  ["10.2.2.3", null],
  ["10.2.2.3", "sesame-sesame"],
] as const;

const rarely = fc.integer({ min: 0, max: 7 }).map((n) => n === 0);
const document = fc.constantFrom(...documents.keys());

const projectChange = fc.record({
  kind: fc.constant("project" as const),
  id: fc.constantFrom(...projectIds),
  document,
  unreadable: rarely,
  disabled: rarely,
  deleted: rarely,
});
const containerChange = fc.record({
  kind: fc.constant("container" as const),
  id: fc.constantFrom(...containerIds),
  projectId: fc.constantFrom(...projectIds),
  document,
  unreadable: rarely,
  disabled: rarely,
  deleted: fc.boolean(),
  serverName: fc.constantFrom("local", "local", "local", "far"),
  running: rarely.map((stopped) => !stopped),
  address: fc.constantFrom("10.0.0.1", "10.0.0.2", "192.0.2.1"),
  port: fc.constantFrom(0, 7681, 7682),
  aliases: fc.subarray(aliasNames),
});
const change = fc.oneof(
  { weight: 1, arbitrary: projectChange },
  { weight: 3, arbitrary: containerChange },
);
/** `every`: each change as it was; `last`: the last of each entity; `whole`: all there is, in the place of what was. */
const batch = fc.record({
  changes: fc.array(change, { minLength: 1, maxLength: 6 }),
  form: fc.constantFrom("every" as const, "last" as const, "last" as const, "whole" as const),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** What a control plane would know: the present state of everything that ever was. */
class World {
  readonly #projects = new Map<string, ProjectInit>();
  readonly #containers = new Map<string, ContainerInit>();
  #revision = 0n;

  /** Applies the changes. Answers what it did to whom, in order: an alias that one container takes is another's no longer. */
  apply(changes: readonly Change[]): { projects: ProjectInit[]; containers: ContainerInit[] } {
    const done = { projects: [] as ProjectInit[], containers: [] as ContainerInit[] };
    for (const each of changes) {
      this.#revision++;
      if (each.kind === "project") {
        const state = projectOf(each);
        this.#projects.set(each.id, state);
        done.projects.push(state);
        continue;
      }
      const taken = new Set(each.deleted ? [] : each.aliases);
      for (const [id, other] of this.#containers) {
        if (id === each.id || !other.aliases?.some(({ alias }) => taken.has(alias))) continue;
        const left = { ...other, aliases: other.aliases.filter(({ alias }) => !taken.has(alias)) };
        this.#containers.set(id, left);
        done.containers.push(left);
      }
      const state = containerOf(each);
      this.#containers.set(each.id, state);
      done.containers.push(state);
    }
    return done;
  }

  changes(changed: readonly Change[], form: "every" | "last" | "whole"): Changes {
    const { projects, containers } = this.apply(changed);
    if (form === "whole") return this.whole();
    if (form === "every") return feedChanges(this.#revision, projects, containers);
    return feedChanges(this.#revision, lastOfEach(projects), lastOfEach(containers));
  }

  whole(): Changes {
    const present = <State extends { deleted?: boolean }>(all: ReadonlyMap<string, State>) =>
      [...all.values()].filter(({ deleted }) => deleted !== true);
    return feedChanges(this.#revision, present(this.#projects), present(this.#containers));
  }
}

function lastOfEach<State extends { id?: string }>(states: readonly State[]): State[] {
  return [...new Map(states.map((state) => [state.id, state])).values()];
}

function projectOf({ id, ...rest }: Extract<Change, { kind: "project" }>): ProjectInit {
  if (rest.deleted) return { id, deleted: true };
  return { id, disabled: rest.disabled, ...documentOf(rest) };
}

function containerOf(each: Extract<Change, { kind: "container" }>): ContainerInit {
  const { id, projectId, serverName, running, address, disabled, port } = each;
  if (each.deleted) return { id, deleted: true };
  const shape = { program: "http", instance: 3000, allowPathOverride: true, enabled: true };
  const aliases = each.aliases.map((alias) => ({ ...shape, alias }));
  return {
    id,
    projectId,
    serverName,
    running,
    address,
    disabled,
    programs: (port === 0 ? {} : { terminal: { port, stride: 0 } }) as ContainerInit["programs"],
    aliases: aliases as unknown as ContainerInit["aliases"],
    ...documentOf(each),
  } as ContainerInit;
}

function documentOf({ document, unreadable }: { document: number; unreadable: boolean }) {
  const json = documents[document];
  return unreadable ? { unreadable } : json === undefined ? {} : { document: json };
}

function emptySnapshot(): Snapshot {
  return Snapshot.empty({
    serverName: "local",
    programPorts: { terminal: 76 },
    mayDial: (address) => address.startsWith("10."),
    log: { error() {}, warn() {}, info() {} },
  });
}

/** Everything that a proxy can see in a snapshot. */
async function observed(snapshot: Snapshot): Promise<unknown> {
  const routes: unknown[] = [];
  for (const project of projectIds) {
    for (const container of containerIds) {
      for (const program of programs) {
        const instance = program === "http" ? 3000 : 1;
        const route = snapshot.route({ kind: "direct", project, container, program, instance });
        if (typeof route === "string") {
          routes.push(route);
          continue;
        }
        const { policy, ...rest } = route;
        routes.push([
          rest,
          policy === null ? "open" : await decisions(policy, route.program, instance),
        ]);
      }
    }
  }
  const aliases = aliasNames.map((name) => snapshot.alias(name, 0));
  return { revision: snapshot.revision, shared: { ...snapshot.shared }, routes, aliases };
}

async function decisions(
  policy: CompiledPolicy,
  program: string,
  instance: number,
): Promise<unknown[]> {
  const made = requests.map(async ([address, token]) => {
    const headers = token === null ? {} : { "X-Token": token };
    const presented = new RequestCredentials(new Headers(headers), "/");
    const identity = await identify(policy, presented, parseAddressKey(address), 0);
    const decision = decide(policy, identity, program, instance);
    const { allow, reason } = decision;
    return { allow, reason, groups: [...grantingGroups(policy, decision)] };
  });
  return Promise.all(made);
}

/** What the runs came upon: a property over nothing but absent containers would hold of anything. */
const outcomes = [
  "disabled",
  "policy_error",
  "open",
  "granted",
  "default_allow",
  "denied",
  "unauthenticated",
];

test(`a snapshot equals one built from scratch, and stays what it was (seed ${seed})`, async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 8 }), async (batches) => {
      const world = new World();
      let snapshot = emptySnapshot();
      const kept: { snapshot: Snapshot; was: unknown }[] = [];
      for (const { changes, form } of batches) {
        const next = world.changes(changes, form);
        const before = snapshot;
        snapshot = form === "whole" ? before.replacedBy(next) : before.apply(next);
        const was = await observed(snapshot);
        const text = JSON.stringify(was, (_, value) => (typeof value === "bigint" ? "" : value));
        for (const outcome of outcomes) if (text.includes(`"${outcome}"`)) seen.add(outcome);
        expect(was).toEqual(await observed(emptySnapshot().apply(world.whole())));
        // A second line from the same snapshot must not be felt by the first.
        before.replacedBy(feedChanges(next.revision, [], []));
        kept.push({ snapshot, was });
      }
      for (const { snapshot, was } of kept) expect(await observed(snapshot)).toEqual(was);
    }),
    { seed, numRuns: runs },
  );
  expect([...seen].sort()).toEqual([...outcomes].sort());
});
