// A provider of OpenID Connect at PORT of the loopback interface, with one client and its forms for people who try:
// any name logs in with any password. Prints a line when it is ready.
import Provider from "oidc-provider";

const port = Number(process.env.PORT);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "arca",
      client_secret: process.env.CLIENT_SECRET,
      redirect_uris: [process.env.REDIRECT_URI],
      response_types: ["code"],
      grant_types: ["authorization_code"],
      token_endpoint_auth_method: "client_secret_basic",
    },
  ],
  claims: { openid: ["sub"], profile: ["name", "groups"] },
  cookies: { keys: ["a key for a test"] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, name: `${id} of the test`, groups: ["ops", "dev"] }),
  }),
  pkce: { required: () => true },
});

provider.listen(port, "127.0.0.1", () => console.log("ready"));
