// A password that was made up here, on its way to the database.

/**
 * Runs the write that stores it, and says it on standard error where that fails: the database may have it all the same, and nobody else
 * knows it. `made`: the user and the password, for people; null: it was not made up.
 */
export async function withMadePassword<Written>(
  made: string | null,
  write: () => Promise<Written>,
): Promise<Written> {
  try {
    return await write();
  } catch (error) {
    if (made !== null) {
      console.error(`realmgate: whether it was stored is not known; if so: ${made}`);
    }
    throw error;
  }
}
