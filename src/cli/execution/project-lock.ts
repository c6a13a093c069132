// The kill switch of a project closes its containers, whatever their own switches say.
import { ApiError } from "../../client/errors.ts";
import { fieldAt } from "../output/cell.ts";
import type { CommandContext } from "./context.ts";

/** What to say of a container whose project is locked; null: it is not, or the caller may not know. */
export async function projectLock(context: CommandContext, id: string): Promise<string | null> {
  const container = `/api/v1/containers/${encodeURIComponent(id)}`;
  const data = async (path: string) => {
    const read = context.request({ method: "GET", path });
    return (await read.catch(unknown))?.data;
  };
  if (fieldAt(await data(`${container}/proxy/access`), "project_enable_proxy") !== false) {
    return null;
  }
  const project = fieldAt(await data(container), "project_id") ?? "ID";
  return `its project is locked: realmgate projects proxy state --project ${project} --if-match latest --enable-proxy`;
}

function unknown(failure: unknown): null {
  if (failure instanceof ApiError) return null;
  throw failure;
}
