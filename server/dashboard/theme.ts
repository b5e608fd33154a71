import { signal } from '@preact/signals';

/** Light or dark: what the system says, unless the reader has chosen. */

const key = 'fedloom-theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const stored = (): string | null => {
  const value = localStorage.getItem(key);
  return value === 'light' || value === 'dark' ? value : null;
};

export const isDark = signal(false);

function apply(): void {
  const own = stored();
  if (own === null) delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = own;
  isDark.value = own === null ? system.matches : own === 'dark';
}

export function startTheme(): void {
  apply();
  system.addEventListener('change', apply);
}

export function toggleTheme(): void {
  localStorage.setItem(key, isDark.value ? 'light' : 'dark');
  apply();
}

const probe = document.createElement('i');
probe.hidden = true;

/** What a canvas needs: the colour that a variable of the stylesheet has in the present theme. */
export function colour(name: string): string {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
