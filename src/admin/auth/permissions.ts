// Permissions of auth tokens. The contract has a tree (TokenPermissions); code uses the set of its dotted leaves,
// `containers.read`.
import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import {
  type TokenPermissions,
  TokenPermissionsSchema,
} from "../../../proto/gen/realmgate/v1/tokens_pb.ts";

/** Dotted names, `containers.read`. */
export type PermissionSet = ReadonlySet<string>;

/** Every permission of the contract. */
export const allPermissions: PermissionSet = new Set(pathsIn(TokenPermissionsSchema, ""));

function pathsIn(desc: DescMessage, prefix: string): string[] {
  return desc.fields.flatMap((field) => {
    const path = `${prefix}${field.name}`;
    return field.fieldKind === "message" ? pathsIn(field.message, `${path}.`) : [path];
  });
}

/** The permissions that are true in a tree. */
export function permissionsIn(permissions: TokenPermissions): PermissionSet {
  const found = new Set<string>();
  collect(reflect(TokenPermissionsSchema, permissions), "", found);
  return found;
}

function collect(message: ReflectMessage, prefix: string, found: Set<string>): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const path = `${prefix}${field.name}`;
    if (field.fieldKind === "message") collect(message.get(field), `${path}.`, found);
    else found.add(path);
  }
}

/** The complete tree, in which exactly these permissions are true. */
export function permissionTree(permissions: PermissionSet): TokenPermissions {
  const tree = create(TokenPermissionsSchema);
  grow(reflect(TokenPermissionsSchema, tree), "", permissions);
  return tree;
}

function grow(message: ReflectMessage, prefix: string, permissions: PermissionSet): void {
  for (const field of message.fields) {
    const path = `${prefix}${field.name}`;
    if (field.fieldKind === "message") {
      const branch = reflect(field.message, create(field.message) as Message);
      grow(branch, `${path}.`, permissions);
      message.set(field, branch);
    } else if (field.fieldKind === "scalar") message.set(field, permissions.has(path));
  }
}
