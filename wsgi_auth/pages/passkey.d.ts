/** Passkeys in the browser, as the middleware serves it at `/auth/passkey.js`. */

/** What a passkey answered, for the field `credential`. */
export interface Credential {
  id: string;
  rawId: string;
  type: string;
  response: Record<string, string | string[] | undefined>;
}

export interface GetOptions {
  /** A token for the request; asked for if it is missing. */
  csrfToken?: string;
  /** `"conditional"`: in the list of a field with `autocomplete="username webauthn"`. */
  mediation?: CredentialMediationRequirement;
}

/**
 * Asks for a passkey of this site; the answer goes into the field `credential` of
 * `POST callback/passkey`. `signIn("passkey")` of `client.js` does both. Rejects with an error code
 * as `message`: `"PasskeyCancelled"`, `"PasskeyUnsupported"`, or the server's.
 */
export declare function get(options?: GetOptions): Promise<Credential>;

/**
 * Adds a passkey to the account of who is signed in. Rejects with an error code as `message`:
 * `"PasskeyCancelled"`, `"PasskeyThere"` (this device has one already), or the server's, such as
 * `"FreshSignInRequired"` (the sign-in was too long ago; `said.url` is where to do so again).
 */
export declare function register(options?: { name?: string }): Promise<void>;
