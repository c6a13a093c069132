// What an auth token may do: the tree of the contract (TokenPermissions) as a set of dotted leaves, `containers.read`.
import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import {
  type TokenPermissions,
  TokenPermissionsSchema,
} from "../../../proto/gen/realmgate/v1/tokens_pb.ts";

export type Leaves = ReadonlySet<string>;

/** Every leaf there is. */
export const allLeaves: Leaves = new Set(leavesIn(TokenPermissionsSchema, ""));

function leavesIn(desc: DescMessage, prefix: string): string[] {
  return desc.fields.flatMap((field) => {
    const path = `${prefix}${field.name}`;
    return field.fieldKind === "message" ? leavesIn(field.message, `${path}.`) : [path];
  });
}

/** The leaves that are true. */
export function leavesOf(permissions: TokenPermissions): Leaves {
  const leaves = new Set<string>();
  collect(reflect(TokenPermissionsSchema, permissions), "", leaves);
  return leaves;
}

function collect(message: ReflectMessage, prefix: string, leaves: Set<string>): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const path = `${prefix}${field.name}`;
    if (field.fieldKind === "message") collect(message.get(field), `${path}.`, leaves);
    else leaves.add(path);
  }
}

/** The whole tree, every branch in it, with these leaves true. */
export function treeOf(leaves: Leaves): TokenPermissions {
  const tree = create(TokenPermissionsSchema);
  grow(reflect(TokenPermissionsSchema, tree), "", leaves);
  return tree;
}

function grow(message: ReflectMessage, prefix: string, leaves: Leaves): void {
  for (const field of message.fields) {
    const path = `${prefix}${field.name}`;
    if (field.fieldKind === "message") {
      const branch = reflect(field.message, create(field.message) as Message);
      grow(branch, `${path}.`, leaves);
      message.set(field, branch);
    } else if (field.fieldKind === "scalar") message.set(field, leaves.has(path));
  }
}
