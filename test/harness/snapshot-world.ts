// Projects and containers that change: what a snapshot file has to say at each revision.
import { create, toJsonString } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  ContainerStateSchema,
  DocumentContentSchema,
  ProjectStateSchema,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";

export interface StateChange {
  readonly kind: "project" | "container";
  /** Which of few. */
  readonly index: number;
  /** Which document it names; 0: none. */
  readonly document: number;
  readonly deleted: boolean;
}

export const LINEAGES = [
  { $typeName: "realmgate.v1.RevisionLineage" as const, fromRevision: 0n, tag: "00112233aabbccdd" },
];

export class SnapshotWorld {
  revision = 0n;
  readonly #states = new Map<string, StateChange>();

  /** The feed's message of these changes. */
  change(changes: readonly StateChange[]): Changes {
    for (const each of changes) {
      const key = `${each.kind}${each.index}`;
      this.#states.delete(key);
      if (!each.deleted) this.#states.set(key, each);
    }
    this.revision++;
    return messageOf(this.revision, changes);
  }

  /** Everything there is, as a message. */
  whole(): Changes {
    return { ...messageOf(this.revision, [...this.#states.values()]), all: true };
  }
}

function messageOf(revision: bigint, states: readonly StateChange[]): Changes {
  // Of an entity that comes twice the last one counts.
  const last = new Map(states.map((each) => [`${each.kind}${each.index}`, each]));
  const of = (kind: StateChange["kind"]) =>
    [...last.values()]
      .filter((each) => each.kind === kind)
      .map(({ index, document, deleted }) => ({
        id: String(index).padStart(24, "0"),
        deleted,
        ...(document === 0 || deleted ? {} : { documentDigest: `digest-${document}` }),
      }));
  const documents = new Set(states.map(({ document }) => document).filter((each) => each !== 0));
  return create(ChangesSchema, {
    revision,
    lineages: LINEAGES,
    projects: of("project").map((each) => create(ProjectStateSchema, each)),
    containers: of("container").map((each) =>
      create(ContainerStateSchema, each.deleted ? each : { ...each, serverName: "local" }),
    ),
    documents: [...documents].map((each) =>
      create(DocumentContentSchema, { digest: `digest-${each}`, json: "x".repeat(each * 700) }),
    ),
  });
}

/** The same for states that say the same, in whatever order. */
export function told({ revision, projects, containers, documents }: Changes): string {
  return [
    `at ${revision}`,
    ...projects.map((each) => toJsonString(ProjectStateSchema, each)).sort(),
    ...containers.map((each) => toJsonString(ContainerStateSchema, each)).sort(),
    ...documents.map((each) => toJsonString(DocumentContentSchema, each)).sort(),
  ].join("\n");
}

/** Changes that lead to the state of a revision: the same for each revision, whoever asks. */
export function worldAt(revision: number): StateChange[] {
  return Array.from({ length: (revision % 4) + 1 }, (_, n) => ({
    kind: n % 2 === 0 ? "container" : "project",
    index: (revision * 7 + n * 3) % 6,
    document: (revision + n) % 4,
    deleted: (revision + n) % 5 === 0,
  }));
}
