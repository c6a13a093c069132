// What the control plane would announce to a proxy: projects, containers and their documents, held in memory and changed by the test.
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  type ContainerState,
  ContainerStateSchema,
  type DocumentContent,
  type ProjectState,
  ProjectStateSchema,
  ServiceHooksStateSchema,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { HookSchema } from "../../proto/gen/realmgate/v1/hooks_pb.ts";
import type { ChangeSource } from "../../src/proxy/snapshot/feed.ts";
import { documentContent } from "./feed-changes.ts";

/** The parent domain of the containers on the server `local` of `example.test`. */
export const PARENT = "local.containers.example.test";

/** A feed of commits in memory. */
export class ChangeRegistry implements ChangeSource {
  revision = 0n;
  readonly #projects = new Map<string, { at: bigint; state: ProjectState }>();
  readonly #containers = new Map<string, { at: bigint; state: ContainerState }>();
  readonly #listeners = new Set<(revision: bigint) => void>();
  readonly #documents = new Map<string, DocumentContent>();
  /** How often each revision was reported to be enforced. */
  readonly #enforced = new Map<bigint, number>();

  /** Answers the document's digest. */
  add(document: JsonObject): string {
    const content = documentContent(document);
    this.#documents.set(content.digest, content);
    return content.digest;
  }

  async changesAfter(revision: bigint): Promise<Changes> {
    const since = <T>(all: Map<string, { at: bigint; state: T }>) =>
      [...all.values()].filter(({ at }) => at > revision).map(({ state }) => state);
    const [projects, containers] = [since(this.#projects), since(this.#containers)];
    const named = new Set([...projects, ...containers].map((state) => state.documentDigest));
    const documents = [...this.#documents.values()].filter(({ digest }) => named.has(digest));
    return create(ChangesSchema, { revision: this.revision, projects, containers, documents });
  }

  onCommit(listener: (revision: bigint) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  enforced(revision: bigint): void {
    this.#enforced.set(revision, (this.#enforced.get(revision) ?? 0) + 1);
  }

  /** Whether all that follow enforce this revision. */
  isEverywhere(revision: bigint): boolean {
    let reports = 0;
    for (const [reported, times] of this.#enforced) if (reported >= revision) reports += times;
    return reports >= this.#listeners.size;
  }

  commit(projects: ProjectState[], containers: ContainerState[]): bigint {
    this.revision++;
    for (const state of projects) {
      this.#projects.set(state.id, { at: this.revision, state });
    }
    for (const state of containers) {
      this.#containers.set(state.id, { at: this.revision, state });
    }
    for (const listener of this.#listeners) {
      listener(this.revision);
    }
    return this.revision;
  }
}

interface OwnProgram {
  port: number;
  stride: number;
  host?: "keep" | "upstream";
  responseTimeoutS?: number;
  protocol?: "http/1.1" | "h2c";
}

export interface Placement {
  /** The container's own document. */
  own?: JsonObject;
  /** The project's document. */
  project?: JsonObject;
  /** Program to port, or port and stride; `terminal` is the echo upstream unless said otherwise. */
  programs?: Record<string, number | [port: number, stride: number] | OwnProgram>;
  /** Hooks by program. */
  hooks?: Record<string, JsonObject[]>;
  state?: Partial<Omit<ContainerState, "$typeName" | "$unknown">>;
  projectDisabled?: boolean;
}

/** A project with its document. */
export function projectState(
  registry: ChangeRegistry,
  id: string,
  placement: Placement,
): ProjectState {
  const state = create(ProjectStateSchema, { id, disabled: placement.projectDisabled ?? false });
  if (placement.project !== undefined) {
    state.documentDigest = registry.add(placement.project);
  }
  return state;
}

/** A running container of a project at 127.0.0.1; `terminal` is the port of that program when `placement` names none. */
export function containerState(
  registry: ChangeRegistry,
  projectId: string,
  id: string,
  placement: Placement,
  terminal: number,
): ContainerState {
  const programs: Record<string, OwnProgram> = {};
  for (const [name, at] of Object.entries({ terminal, ...placement.programs })) {
    const [port, stride] = typeof at === "number" ? [at, 0] : Array.isArray(at) ? at : [0, 0];
    programs[name] = typeof at === "number" || Array.isArray(at) ? { port, stride } : at;
  }
  const state = create(ContainerStateSchema, {
    id,
    projectId,
    serverName: "local",
    running: true,
    address: "127.0.0.1",
    programs,
    hooks: Object.entries(placement.hooks ?? {}).map(([service, hooks]) =>
      create(ServiceHooksStateSchema, {
        service,
        hooks: hooks.map((hook) => fromJson(HookSchema, hook)),
      }),
    ),
    ...placement.state,
  } as ContainerState);
  if (placement.own !== undefined) {
    state.documentDigest = registry.add(placement.own);
  }
  return state;
}
