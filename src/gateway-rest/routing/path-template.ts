// The subset of the path template grammar of google/api/http.proto that this API uses:
//   Template = "/" Segment { "/" Segment }
//   Segment  = LITERAL | "{" FIELD "}"

export type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "variable"; readonly field: string };

/** Template → segments. Throws for anything outside the grammar; templates come from the contract. */
export function parsePathTemplate(template: string): readonly Segment[] {
  if (!template.startsWith("/")) throw new Error(`${template}: a path template starts with "/"`);
  return template
    .slice(1)
    .split("/")
    .map((text) => {
      const variable = /^\{([a-z][a-z0-9_]*)\}$/.exec(text)?.[1];
      if (variable !== undefined) return { kind: "variable", field: variable };
      if (/^[A-Za-z0-9._~-]+$/.test(text)) return { kind: "literal", text };
      throw new Error(`${template}: "${text}" is neither a literal nor a {field}`);
    });
}
