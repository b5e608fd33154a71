import { hasToken, setToken } from '../api.ts';
import { retry } from '../store/sync.ts';

/** Asks for the token when the address had none, or a wrong one. */
export function Login() {
  const wasWrong = hasToken();
  const open = (event: Event): void => {
    event.preventDefault();
    const { elements } = event.currentTarget as HTMLFormElement;
    setToken((elements.namedItem('token') as HTMLInputElement).value);
    retry();
  };
  return (
    <main class="login">
      <form class="card" onSubmit={open}>
        <h1>fedloom</h1>
        <label>
          <span>Admin or viewer token</span>
          <input name="token" type="password" autoComplete="off" required aria-describedby="login-hint" />
        </label>
        {wasWrong && (
          <p class="problem" role="alert">
            This server does not know that token.
          </p>
        )}
        <button class="primary">Open</button>
        <p class="note" id="login-hint">
          The server prints a link with the token when it starts; it also lies in admin.token and viewer.token of its
          data folder.
        </p>
      </form>
    </main>
  );
}
