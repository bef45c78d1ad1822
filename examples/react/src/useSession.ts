import { useSyncExternalStore } from "react";
import { session } from "/auth/client.js";

/** `{data, status}`, kept in step with the server and the other tabs. */
export const useSession = () => useSyncExternalStore(session.subscribe, session.getSnapshot);
