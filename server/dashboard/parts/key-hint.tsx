/** The key that does the same as the button it stands on. */
export const Key = ({ name }: { readonly name: string }) => <kbd>{name}</kbd>;
