import { expect, spyOn, test } from "bun:test";
import { withMadePassword } from "./made-password.ts";

test("a password that was made up is said when its write fails, and no other is", async () => {
  const said = spyOn(console, "error").mockImplementation(() => {});
  try {
    const fails = () => Promise.reject(new Error("the connection ended"));
    for (const made of ["user admin, password x", null]) {
      await expect(withMadePassword(made, fails)).rejects.toThrow("the connection ended");
    }
    expect(await withMadePassword("user admin, password y", async () => true)).toBe(true);
    expect(said.mock.calls).toEqual([
      ["realmgate: whether it was stored is not known; if so: user admin, password x"],
    ]);
  } finally {
    said.mockRestore();
  }
});
