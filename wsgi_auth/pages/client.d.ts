/** The browser's side of wsgi_auth, as the middleware serves it at `/auth/client.js`. */

/** What `environ["auth.session"]["user"]` is. Add your own fields by augmentation. */
export interface User {
  id: string;
  name: string | null;
  email: string | null;
  image: string | null;
}

/** What `environ["auth.session"]` is. Add what your `session` callback adds by augmentation. */
export interface Session {
  user: User;
  /** ISO 8601, UTC: when the session ends if nothing prolongs it. */
  expires: string;
}

export type SessionState =
  | { readonly data: null; readonly status: "loading" }
  | { readonly data: Session; readonly status: "authenticated" }
  | { readonly data: null; readonly status: "unauthenticated" };

/** Who is signed in, kept in step with the server and with other tabs while somebody listens. */
export declare const session: {
  /** Calls `listener` now and at every change; gives the function that ends it. */
  subscribe(this: void, listener: (state: SessionState) => void): () => void;
  /** The state now; the same object until something changes. */
  getSnapshot(this: void): SessionState;
};

/** Asks the server. `null`: nobody. Where it gives no answer: the last session that is known. */
export declare function getSession(): Promise<Session | null>;

/**
 * Gives `data` to the `jwt` callback (trigger `update`) and resolves to the session as it is then;
 * without `data` it asks the server. `null`: nobody is signed in any more. Rejects with the
 * server's error code as `message`, and its `status`, when the update is refused.
 */
export declare function update(data?: unknown): Promise<Session | null>;

export interface Provider {
  id: string;
  name: string;
  /** `"oauth"`, `"oidc"`, `"credentials"`, `"htpasswd"`, `"dev"`, ... */
  type: string;
  signinUrl: string;
  callbackUrl: string;
}

/** The providers on offer, by id, in the order of the configuration. Rejects without an answer. */
export declare function getProviders(): Promise<Record<string, Provider>>;

/** A token for a form that posts to one of the built-in endpoints. Rejects without an answer. */
export declare function getCsrfToken(): Promise<string>;

export interface LeaveOptions {
  /** Where to go afterwards, on this site or a listed origin. Default: this page. */
  redirectTo?: string;
  /** The older name of `redirectTo`. */
  callbackUrl?: string;
  /** `false`: stay on this page and give the result. Default: `true`. */
  redirect?: boolean;
}

export interface SignInOptions extends LeaveOptions {
  /** The fields of a provider's form, such as `username` and `password`. */
  [field: string]: FormDataEntryValue | boolean | null | undefined;
}

export interface Result {
  ok: boolean;
  /** Of the HTTP answer; 0 where there was none. */
  status: number;
  /** An error code such as `"CredentialsSignin"`; `"Unreachable"` where there was no answer. */
  error: string | null;
  /** The code of your own subclass of `CredentialsSignin`. */
  code?: string;
  /** Where to go on; `null` after a failure. */
  url: string | null;
}

/**
 * Signs in. Without a provider, or with one that is not on offer: goes to the sign-in page. A
 * second call for the same provider waits for the first. Never rejects.
 */
export declare function signIn(
  provider?: string,
  options?: SignInOptions,
  authorizationParams?: Record<string, string>,
): Promise<Result>;

/** Signs out, here and in the other tabs. Never rejects. */
export declare function signOut(options?: LeaveOptions): Promise<Result>;

/** `fetch`; after a 401 of this site the server is asked who is signed in, before it resolves. */
export declare function authFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

export interface Options {
  /** The state that is known already; nothing is asked then. `null`: nobody. */
  session?: Session | null;
  /** Where the endpoints are, if this file was not loaded from there: `"/auth"`. */
  basePath?: string;
  /** Seconds after which to ask again while somebody is signed in. 0, the default: never. */
  refetchInterval?: number;
  /** Whether to ask when the page comes to the front. Default: `true`. */
  refetchOnWindowFocus?: boolean;
  /** `false`: no asking by interval while the browser is offline. */
  refetchWhenOffline?: boolean;
}

/** Changes how the store behaves; what is not given stays. */
export declare function configure(options: Options): void;
