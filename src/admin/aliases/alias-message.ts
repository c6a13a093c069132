// Alias records → API messages.
import { create } from "@bufbuild/protobuf";
import {
  AliasContainerSchema,
  type Alias as AliasMessage,
  AliasProjectSchema,
  AliasSchema,
} from "../../../proto/gen/realmgate/v1/aliases_pb.ts";
import { containersDomain } from "../../policy/containers-domain.ts";
import type { StoredAlias } from "../store/records.ts";

export function aliasMessage(alias: StoredAlias, domain: string): AliasMessage {
  const { projectAlias: _, containerName: __, instance, ...rest } = alias;
  const { targetPath, targetHidden = false, expiresAt, ...shown } = rest;
  const message = create(AliasSchema, { ...shown, index: instance, url: urlOf(alias, domain) });
  if (targetHidden) message.targetPathHidden = true;
  if (targetPath !== null) message.targetPath = targetPath;
  if (expiresAt !== null) message.expiresAt = expiresAt;
  return message;
}

/** For callers who may not see targets: they may carry credentials. */
export function withoutTarget(alias: StoredAlias): StoredAlias {
  return alias.targetPath === null ? alias : { ...alias, targetPath: null, targetHidden: true };
}

/** Includes the container, and the project when the caller can see it. */
export function wholeAliasMessage(alias: StoredAlias, domain: string): AliasMessage {
  const { projectId, projectAlias, containerId, containerName } = alias;
  const message = aliasMessage(alias, domain);
  message.container = create(AliasContainerSchema, { id: containerId, name: containerName });
  if (projectAlias !== null) {
    message.project = create(AliasProjectSchema, { id: projectId, alias: projectAlias });
  }
  return message;
}

function urlOf({ alias, serverName }: StoredAlias, domain: string): string {
  return `https://${alias}.${containersDomain(serverName, domain)}`;
}
