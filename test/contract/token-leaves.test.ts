// The command line's list of token permissions and the contract's tree are the same: the client has no descriptors at run time.
import { expect, test } from "bun:test";
import type { DescMessage } from "@bufbuild/protobuf";
import { TokenPermissionsSchema } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { tokenLeaves } from "../../src/cli/commands/token-leaves.ts";

function leaves(desc: DescMessage, path = ""): string[] {
  return desc.fields.flatMap((field) => {
    const at = path === "" ? field.name : `${path}.${field.name}`;
    return field.message === undefined ? [at] : leaves(field.message, at);
  });
}

test("every leaf of a token has a flag", () => {
  expect([...tokenLeaves].toSorted()).toEqual(leaves(TokenPermissionsSchema).toSorted());
});
