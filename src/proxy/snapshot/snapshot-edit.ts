// One step from a snapshot's tables to the next: states that arrive become entries, and equal documents and port tables are shared.
import type {
  ContainerState,
  DocumentContent,
  ProjectState,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { Log } from "../../log.ts";
import type { RecentPolicies } from "../../policy/recent-policies.ts";
import type { Steps } from "../../policy/steps.ts";
import { type Alias, aliasOf } from "../routing/alias.ts";
import { ProgramPorts } from "../routing/program-ports.ts";
import { parseUpstreamAddress, type UpstreamAddress } from "../routing/upstream-address.ts";
import { compileHooks } from "./hook-match.ts";
import type { InternEdit, Interned } from "./intern-table.ts";
import { LazyPolicy, type Owner } from "./lazy-policy.ts";
import type { PersistentMap } from "./persistent-map.ts";
import type { Container, Project, SnapshotTables } from "./snapshot-tables.ts";

/** What a snapshot is made for. */
export interface SnapshotOptions {
  readonly serverName: string;
  /** Default port of each kit program. */
  readonly programPorts: Readonly<Record<string, number>>;
  /** Whether a container may live at this address (canonical text). */
  readonly mayDial: (address: string) => boolean;
  /** Policies that this process compiled a moment ago; unset: there are none. */
  readonly recentPolicies?: Pick<RecentPolicies, "take"> | null;
  readonly log: Log;
}

/** Keys of documents that have no content; no digest looks like this. */
const UNREADABLE_KEY = "unreadable";
const MISSING_KEY = "missing";

/** Collects changes to the tables of one snapshot, which stay as they are; `done` makes the next ones. */
export class SnapshotEdit {
  readonly #options: SnapshotOptions;
  readonly #before: SnapshotTables;
  readonly #contents: ReadonlyMap<string, string>;
  readonly #compileNow: () => boolean;
  readonly #projects = new Map<string, Project | undefined>();
  readonly #containers = new Map<string, Container | undefined>();
  readonly #policies: InternEdit<LazyPolicy>;
  readonly #ports: InternEdit<ProgramPorts>;

  /**
   * `documents`: the contents of those that the states name and the tables may not hold. `compileNow`: compile each document
   * as it arrives (true), not when it is first needed.
   */
  constructor(
    options: SnapshotOptions,
    before: SnapshotTables,
    documents: readonly DocumentContent[],
    compileNow: () => boolean,
  ) {
    this.#options = options;
    this.#before = before;
    this.#contents = new Map(documents.map(({ digest, json }) => [digest, json]));
    this.#compileNow = compileNow;
    this.#policies = before.policies.edit();
    this.#ports = before.ports.edit();
  }

  *project(state: ProjectState): Steps<void> {
    const before = latest(this.#projects, this.#before.projects, state.id);
    const after = state.deleted ? undefined : yield* this.#project(state);
    this.#set(this.#projects, state.id, before, after);
  }

  *container(state: ContainerState): Steps<void> {
    const before = latest(this.#containers, this.#before.containers, state.id);
    const after = state.deleted ? undefined : yield* this.#container(state);
    this.#set(this.#containers, state.id, before, after);
    if (before !== undefined) {
      this.#ports.release(before.ports);
    }
  }

  done(): SnapshotTables {
    return {
      projects: this.#before.projects.with(this.#projects),
      containers: this.#before.containers.with(this.#containers),
      aliases: this.#before.aliases.with(this.#aliases()),
      policies: this.#policies.done(),
      ports: this.#ports.done(),
    };
  }

  /** The new document is held before the old one is released: the same one is not compiled again. */
  #set<Entry extends Project>(
    entries: Map<string, Entry | undefined>,
    id: string,
    before: Entry | undefined,
    after: Entry | undefined,
  ): void {
    entries.set(id, after);
    if (before !== undefined && before.policy !== null) {
      this.#policies.release(before.policy);
    }
  }

  /** Names that changed containers had are removed before those they have are set: a name may move from one to the other. */
  #aliases(): Map<string, Alias | undefined> {
    const entries = new Map<string, Alias | undefined>();
    for (const id of this.#containers.keys()) {
      for (const { name } of this.#before.containers.get(id)?.aliases ?? []) {
        entries.set(name, undefined);
      }
    }
    for (const container of this.#containers.values()) {
      for (const alias of container?.aliases ?? []) {
        entries.set(alias.name, alias);
      }
    }
    return entries;
  }

  *#project(state: ProjectState): Steps<Project> {
    return {
      disabled: state.disabled,
      policy: yield* this.#policy(state, { project: state.id }),
    };
  }

  *#container(state: ContainerState): Steps<Container> {
    const { serverName, programPorts } = this.#options;
    const here = state.serverName === serverName;
    return {
      project: state.projectId,
      aliases: here ? aliasesOf(state) : NO_ALIASES,
      address: here && state.running ? this.#address(state) : null,
      disabled: state.disabled,
      policy: yield* this.#policy(state, { container: state.id }),
      ports: this.#ports.acquire(
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
    if (address === null || !this.#options.mayDial(address.text)) {
      this.#options.log.error(
        { container: state.id, address: state.address },
        "container has an address that must not be dialled; it is closed",
      );
      return null;
    }
    return address;
  }

  *#policy(
    { documentDigest, unreadable }: ProjectState | ContainerState,
    owner: Owner,
  ): Steps<Interned<LazyPolicy> | null> {
    yield 1;
    if (documentDigest === undefined && !unreadable) {
      return null;
    }
    const held =
      documentDigest === undefined || unreadable
        ? this.#policies.acquire(UNREADABLE_KEY, LazyPolicy.unreadable)
        : this.#stored(documentDigest);
    const compiled = this.#compileNow() ? yield* held.value.compiledSteps() : null;
    if (compiled?.ok === false) {
      held.value.report(this.#options.log, owner, compiled.problem);
    }
    return held;
  }

  /** Under a key of its own when its content is missing: once that arrives, the digest has to find it. */
  #stored(digest: string): Interned<LazyPolicy> {
    const content = this.#contents.get(digest);
    if (content === undefined && !this.#policies.has(digest)) {
      return this.#policies.acquire(MISSING_KEY, LazyPolicy.missing);
    }
    return this.#policies.acquire(digest, () => {
      const policy = this.#options.recentPolicies?.take(digest) ?? null;
      return policy === null ? LazyPolicy.of(content ?? "") : LazyPolicy.compiled(policy);
    });
  }
}

/** As the edit left it so far, else as it was before. */
function latest<V>(
  changed: ReadonlyMap<string, V | undefined>,
  before: PersistentMap<V>,
  id: string,
): V | undefined {
  return changed.has(id) ? changed.get(id) : before.get(id);
}

const NO_ALIASES: readonly Alias[] = [];

function aliasesOf({ projectId, id, aliases }: ContainerState): readonly Alias[] {
  if (aliases.length === 0) {
    return NO_ALIASES;
  }
  return aliases.map((state) => aliasOf(state, projectId, id)).filter((alias) => alias !== null);
}

function portsKey(programs: ContainerState["programs"]): string {
  const entries = Object.entries(programs).map(
    ([name, { port, stride, host, responseTimeoutS, protocol }]) =>
      `${JSON.stringify(name)}:${port}:${stride}:${JSON.stringify(host ?? "")}:${responseTimeoutS ?? ""}:${JSON.stringify(protocol ?? "")}`,
  );
  return entries.sort().join(",");
}
