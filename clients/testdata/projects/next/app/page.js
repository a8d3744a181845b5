export const dynamic = "force-dynamic";

export default function Page() {
  return <p id="port">{process.env.PORT}</p>;
}
