import { randomInt } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import {
  type Changes,
  type ContainerState,
  ContainerStateSchema,
  type ProjectState,
  ProjectStateSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { PermissionDocument } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import type { Log } from "../../log.ts";
import type { CompiledPolicy } from "../../policy/compile.ts";
import { type Alias, aliasOf } from "../routing/alias.ts";
import type { DirectHost } from "../routing/host.ts";
import { ProgramPorts } from "../routing/program-ports.ts";
import { parseUpstreamAddress, type UpstreamAddress } from "../routing/upstream-address.ts";
import { type CompiledHook, type ContainerHooks, compileHooks } from "./hook-match.ts";
import { type Interned, InternTable } from "./intern-table.ts";
import { decidingBytes, StoredPolicy } from "./lazy-policy.ts";
import { ShardedMap } from "./persistent-map.ts";

/** Where a request leads and what decides about it. */
export interface Route {
  /** Null: no document is in force, everything is open. */
  readonly policy: CompiledPolicy | null;
  /** What the request is decided as: the owner of the port it would reach. */
  readonly program: string;
  readonly instance: number;
  readonly address: UpstreamAddress;
  /** 1..65535, or NO_PORT. */
  readonly port: number;
  /** Whether the upstream speaks HTTPS. */
  readonly secure: boolean;
  /** Rules that stand before this program, in the order in which they are tried. */
  readonly hooks: readonly CompiledHook[];
}

/** Why there is no route, in the order in which it is asked (README, One request). */
export type RouteRefusal = "no_container" | "disabled" | "policy_error";

/** Why a snapshot answers nothing: the control plane has not been heard for too long. */
export type Closed = "stale";

/**
 * So many changes are compiled when they come, so that the first request does not wait and a bad document is told of at once. Of
 * more, as at a start, each is compiled when it is first asked for.
 */
const COMPILED_AT_ONCE_MAX = 1_000;

/** No digest is spelled so. */
const UNREADABLE_KEY = "unreadable";

type Owner = { readonly project: string } | { readonly container: string };

interface Project {
  readonly disabled: boolean;
  readonly policy: Interned<StoredPolicy> | null;
}

interface Container {
  readonly project: string;
  /** The short hosts that lead to it. */
  readonly aliases: readonly Alias[];
  /** Null unless it is on this server, running, and has an address. */
  readonly address: UpstreamAddress | null;
  readonly disabled: boolean;
  readonly policy: Interned<StoredPolicy> | null;
  readonly ports: Interned<ProgramPorts>;
  readonly hooks: ContainerHooks | null;
}

/** What a snapshot is made for. */
export interface SnapshotOptions {
  readonly serverName: string;
  /** Default port of each kit program. */
  readonly programPorts: Readonly<Record<string, number>>;
  /** Whether a container may live at this address (canonical text). */
  readonly mayDial: (address: string) => boolean;
  readonly log: Log;
}

/** What successive snapshots share: documents and port tables that are equal exist once. */
interface Shared {
  readonly options: SnapshotOptions;
  readonly policies: InternTable<StoredPolicy>;
  readonly ports: InternTable<ProgramPorts>;
  /** Names are their bearers' choice: hashed with a seed of this process, no choice makes them crowd in one place. */
  readonly aliasSeed: number;
}

/** Everything the proxy needs to answer, at one revision; immutable. */
export class Snapshot {
  /** The snapshot before the first change. */
  static empty(options: SnapshotOptions): Snapshot {
    const shared = {
      options,
      policies: new InternTable<StoredPolicy>(),
      ports: new InternTable<ProgramPorts>(),
      aliasSeed: randomInt(2 ** 31),
    };
    return new Snapshot(shared, 0n, ShardedMap.empty(), ShardedMap.empty(), ShardedMap.empty());
  }

  readonly revision: bigint;
  /** Null: it is in force. */
  readonly closed: Closed | null;
  readonly #shared: Shared;
  readonly #projects: ShardedMap<Project>;
  readonly #containers: ShardedMap<Container>;
  readonly #aliases: ShardedMap<Alias>;

  private constructor(
    shared: Shared,
    revision: bigint,
    projects: ShardedMap<Project>,
    containers: ShardedMap<Container>,
    aliases: ShardedMap<Alias>,
    closed: Closed | null = null,
  ) {
    this.closed = closed;
    this.#shared = shared;
    this.revision = revision;
    this.#projects = projects;
    this.#containers = containers;
    this.#aliases = aliases;
  }

  /** How many different documents and port tables are held. */
  get shared(): { readonly policies: number; readonly ports: number } {
    return { policies: this.#shared.policies.size, ports: this.#shared.ports.size };
  }

  /** Itself, but out of force. */
  closedAs(closed: Closed): Snapshot {
    const { revision } = this;
    return new Snapshot(
      this.#shared,
      revision,
      this.#projects,
      this.#containers,
      this.#aliases,
      closed,
    );
  }

  /** Where a short host leads now (Unix milliseconds); null: nowhere. */
  alias(name: string, nowMs: number): Alias | null {
    const alias = this.#aliases.get(this.#aliasKey(name));
    return alias === undefined || alias.name !== name || nowMs >= alias.untilMs ? null : alias;
  }

  /**
   * Rows 2 and 3 of the decision table and the document that is in force: the container's own, else its project's.
   * A container whose project is not known here is no container: its kill switch can't be read.
   */
  route(host: DirectHost): Route | RouteRefusal {
    const container = this.#containers.get(host.container);
    const project = this.#projects.get(host.project);
    if (
      container === undefined ||
      project === undefined ||
      container.project !== host.project ||
      container.address === null
    ) {
      return "no_container";
    }
    if (container.disabled || project.disabled) {
      return "disabled";
    }
    const policy =
      container.policy === null
        ? this.#compiled(project.policy, { project: host.project })
        : this.#compiled(container.policy, { container: host.container });
    if (policy === "policy_error") {
      return policy;
    }
    const target = container.ports.value.target(host.program, host.instance);
    return {
      policy,
      program: target.program,
      instance: target.instance,
      address: container.address,
      port: target.port,
      secure: host.program === "https",
      hooks: container.hooks?.get(target.program) ?? NO_HOOKS,
    };
  }

  /**
   * The next snapshot. Cost grows with what changed, not with what is there. To be called once on each snapshot, on the
   * latest: the tables of shared documents follow that one line.
   */
  apply(changes: Changes): Snapshot {
    const atOnce = changes.projects.length + changes.containers.length <= COMPILED_AT_ONCE_MAX;
    const projects = this.#projects.with(this.#projectEntries(changes.projects, atOnce));
    const entries = this.#containerEntries(changes.containers, atOnce);
    const aliases = this.#aliases.with(this.#aliasEntries(entries));
    const containers = this.#containers.with(entries);
    return new Snapshot(this.#shared, changes.revision, projects, containers, aliases);
  }

  /**
   * The next snapshot, of which this is all: what is not in it is gone. Documents that are there already are not compiled again.
   * To be called as `apply` is.
   */
  replacedBy(all: Changes): Snapshot {
    const projects = missing(this.#projects, all.projects).map((id) =>
      create(ProjectStateSchema, { id, deleted: true }),
    );
    const containers = missing(this.#containers, all.containers).map((id) =>
      create(ContainerStateSchema, { id, deleted: true }),
    );
    return this.apply({
      ...all,
      projects: [...projects, ...all.projects],
      containers: [...containers, ...all.containers],
    });
  }

  /** What the changed containers had goes before what they have: a name may move from one to the other. */
  #aliasEntries(
    changed: ReadonlyMap<string, Container | undefined>,
  ): Map<string, Alias | undefined> {
    const entries = new Map<string, Alias | undefined>();
    for (const id of changed.keys()) {
      for (const { name } of this.#containers.get(id)?.aliases ?? []) {
        entries.set(this.#aliasKey(name), undefined);
      }
    }
    for (const container of changed.values()) {
      for (const alias of container?.aliases ?? []) {
        entries.set(this.#aliasKey(alias.name), alias);
      }
    }
    return entries;
  }

  #aliasKey(name: string): string {
    return Bun.hash(name, this.#shared.aliasSeed).toString(16);
  }

  #projectEntries(
    states: readonly ProjectState[],
    atOnce: boolean,
  ): Map<string, Project | undefined> {
    const entries = new Map<string, Project | undefined>();
    for (const state of states) {
      const before = entries.has(state.id) ? entries.get(state.id) : this.#projects.get(state.id);
      entries.set(state.id, state.deleted ? undefined : this.#project(state, atOnce));
      this.#releasePolicy(before?.policy);
    }
    return entries;
  }

  #containerEntries(
    states: readonly ContainerState[],
    atOnce: boolean,
  ): Map<string, Container | undefined> {
    const entries = new Map<string, Container | undefined>();
    for (const state of states) {
      const before = entries.has(state.id) ? entries.get(state.id) : this.#containers.get(state.id);
      entries.set(state.id, state.deleted ? undefined : this.#container(state, atOnce));
      this.#releasePolicy(before?.policy);
      if (before !== undefined) {
        this.#shared.ports.release(before.ports);
      }
    }
    return entries;
  }

  #project(state: ProjectState, atOnce: boolean): Project {
    return {
      disabled: state.disabled,
      policy: this.#policy(state, { project: state.id }, atOnce),
    };
  }

  #container(state: ContainerState, atOnce: boolean): Container {
    const { serverName, programPorts } = this.#shared.options;
    const here = state.serverName === serverName;
    return {
      project: state.projectId,
      aliases: here ? aliasesOf(state) : NO_ALIASES,
      address: here && state.running ? this.#address(state) : null,
      disabled: state.disabled,
      policy: this.#policy(state, { container: state.id }, atOnce),
      ports: this.#shared.ports.acquire(
        portsKey(state.programs),
        () => new ProgramPorts(state.programs, programPorts),
      ),
      hooks: compileHooks(state.hooks),
    };
  }

  #address(state: ContainerState): UpstreamAddress | null {
    if (state.address === undefined || state.address === "") {
      return null;
    }
    const address = parseUpstreamAddress(state.address);
    if (address === null || !this.#shared.options.mayDial(address.text)) {
      this.#shared.options.log.error(
        { container: state.id, address: state.address },
        "container has an address that must not be dialled; it is closed",
      );
      return null;
    }
    return address;
  }

  #policy(
    { document, unreadable }: ProjectState | ContainerState,
    owner: Owner,
    atOnce: boolean,
  ): Interned<StoredPolicy> | null {
    if (document === undefined && !unreadable) {
      return null;
    }
    const held =
      document === undefined || unreadable
        ? this.#shared.policies.acquire(UNREADABLE_KEY, StoredPolicy.unreadable)
        : this.#stored(document);
    const compiled = atOnce ? held.value.compiled : null;
    if (compiled?.ok === false) {
      this.#report(held.value, owner, compiled.problem);
    }
    return held;
  }

  #stored(document: PermissionDocument): Interned<StoredPolicy> {
    const bytes = decidingBytes(document);
    // A digest: the text and its secrets need not be kept as a key.
    const key = new Bun.CryptoHasher("sha256").update(bytes).digest("base64");
    return this.#shared.policies.acquire(key, () => new StoredPolicy(bytes));
  }

  #compiled(
    held: Interned<StoredPolicy> | null,
    owner: Owner,
  ): CompiledPolicy | null | "policy_error" {
    if (held === null) {
      return null;
    }
    const { compiled, reported } = held.value;
    if (compiled.ok) {
      return compiled.policy;
    }
    if (!reported) {
      this.#report(held.value, owner, compiled.problem);
    }
    return "policy_error";
  }

  #report(stored: StoredPolicy, owner: Owner, problem: string): void {
    stored.reported = true;
    this.#shared.options.log.error(
      { ...owner, problem },
      "permission document does not compile; what it guards is closed",
    );
  }

  #releasePolicy(held: Interned<StoredPolicy> | null | undefined): void {
    if (held !== null && held !== undefined) {
      this.#shared.policies.release(held);
    }
  }
}

/** Ids that are held and not among the states. */
function missing(held: ShardedMap<unknown>, states: readonly { readonly id: string }[]): string[] {
  const present = new Set(states.map(({ id }) => id));
  return [...held.keys()].filter((id) => !present.has(id));
}

const NO_ALIASES: readonly Alias[] = [];
const NO_HOOKS: readonly CompiledHook[] = [];

function aliasesOf({ projectId, id, aliases }: ContainerState): readonly Alias[] {
  if (aliases.length === 0) {
    return NO_ALIASES;
  }
  return aliases.map((state) => aliasOf(state, projectId, id)).filter((alias) => alias !== null);
}

function portsKey(programs: ContainerState["programs"]): string {
  const entries = Object.entries(programs).map(
    ([name, { port, stride }]) => `${JSON.stringify(name)}:${port}:${stride}`,
  );
  return entries.sort().join(",");
}
