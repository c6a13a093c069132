// Snapshot files of version 2 had each document as a message inside its owner's state.
import { create, fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import {
  type Changes,
  type ContainerState,
  DocumentContentSchema,
  type ProjectState,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { PermissionDocumentSchema } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { documentText } from "../../policy/document.ts";
import { StoredDocument } from "../../policy/stored-document.ts";

/** Numbers of the field that had it. */
const PROJECT_DOCUMENT = 3;
const CONTAINER_DOCUMENT = 8;

/** Moves the documents of such states into `documents`. Throws for one that is damaged: without it its owner would be open. */
export function separateDocuments(changes: Changes): void {
  const texts = new Map<string, string>();
  for (const state of changes.projects) {
    separate(state, PROJECT_DOCUMENT, texts);
  }
  for (const state of changes.containers) {
    separate(state, CONTAINER_DOCUMENT, texts);
  }
  changes.documents = Array.from(texts, ([digest, json]) =>
    create(DocumentContentSchema, { digest, json }),
  );
}

function separate(
  state: ProjectState | ContainerState,
  field: number,
  texts: Map<string, string>,
): void {
  const parts = state.$unknown?.filter(({ no }) => no === field) ?? [];
  delete state.$unknown;
  const [part, ...more] = parts;
  if (part === undefined) {
    return;
  }
  if (more.length > 0) {
    throw new Error("a state has two documents");
  }
  const message = fromBinary(PermissionDocumentSchema, new BinaryReader(part.data).bytes());
  const { digest, text } = StoredDocument.read(documentText(message));
  state.documentDigest = digest;
  texts.set(digest, text);
}
