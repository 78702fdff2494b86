// The route all peers sell, as `benches/src/bed.rs` sells it.

export const PORT = Number(process.env.PORT);
export const FACILITATOR = process.env.FACILITATOR;

export const ROUTES = {
  "GET /before/[id]": {
    accepts: {
      scheme: "exact",
      price: "$0.001",
      network: "eip155:84532",
      payTo: "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
      maxTimeoutSeconds: 300,
    },
    description: "One item",
  },
};

export const ANSWER = { ok: true };
