// Comments of the contract as documentation text.
import type { DescField, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import comments from "../../../proto/comments.json" with { type: "json" };
import { refusalOf } from "../../../proto/errors.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";

type Commented = DescField | DescMessage | DescMethod | DescService;

const byName: ReadonlyMap<string, string> = new Map(Object.entries(comments));

/** The comment of an element on one line, or "". */
export function commentOf(desc: Commented): string {
  const name = "typeName" in desc ? desc.typeName : `${desc.parent.typeName}.${desc.name}`;
  return (byName.get(name) ?? "").replaceAll("\n", " ");
}

/** The comment with error names replaced by their machine codes. */
export function descriptionOf(desc: Commented): string {
  return commentOf(desc).replaceAll(codeName, (name) => {
    const code = codeNamed(name);
    return code === null ? name : refusalOf(code).code;
  });
}

/** The first sentence of the comment, without the full stop. */
export function summaryOf(desc: Commented): string {
  const description = descriptionOf(desc);
  return /^.*?(?=\.(\s|$))/.exec(description)?.[0] ?? description;
}

const codeName = /\b[A-Z]+(?:_[A-Z]+)+\b/g;

/** The error codes that a comment names. */
export function codesIn(comment: string): ErrorCode[] {
  return [...comment.matchAll(codeName)]
    .map(([name]) => codeNamed(name))
    .filter((code) => code !== null);
}

function codeNamed(name: string): ErrorCode | null {
  return Object.hasOwn(ErrorCode, name) ? ErrorCode[name as keyof typeof ErrorCode] : null;
}
