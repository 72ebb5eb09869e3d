"""
`helm test`: a question to the API, one over the Open Inference Protocol, and a round trip through the database.

An InferenceService that is Ready says that pods run; only an answer says that market, model and network are there.
The two answers must be the same number: they come from one row of features. Written rows are taken back. Right after an
install nobody answers yet: a connection that fails and a 503 are tried again, for as many seconds as the caller gives.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

import psycopg

API = sys.argv[1]
UNTIL = time.monotonic() + float(sys.argv[2])
A_STOCK = """
SELECT bse_code FROM market.daily_prices
WHERE trade_date = %s AND bse_code IN (SELECT bse_code FROM market.master_stock_list WHERE status = 'ACTIVE')
ORDER BY volume DESC, bse_code LIMIT 1
"""
SKIPPED = """
INSERT INTO predictions.skipped_stocks (bse_code, prediction_date, model_version, reason, detail)
VALUES ('000000', '2000-01-03', '0.0.0', 'PRICE_MISSING', 'helm test')
"""


def ask(path: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """What the API answers to GET, or to POST of a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, {"content-type": "application/json"})  # noqa: S310
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            said, may_pass = f"{error.code} {error.read().decode(errors='replace')}", error.code == 503
        except (OSError, http.client.HTTPException) as error:
            said, may_pass = str(error), True
        if not may_pass or time.monotonic() > UNTIL:
            sys.exit(f"{path}: {said}")
        time.sleep(1)


def stock_of(day: str) -> str:
    """A stock that was traded on that day; on the way, a row is written, read and taken back."""
    with psycopg.connect(
        os.environ["DATABASE_URL"].replace("+psycopg", ""), connect_timeout=10
    ) as connection:
        connection.execute(SKIPPED)
        found = connection.execute(
            "SELECT detail FROM predictions.skipped_stocks WHERE bse_code = '000000'"
        ).fetchone()
        if found != ("helm test",):
            sys.exit(f"database: a row was written, and read as {found}")
        row = connection.execute(A_STOCK, [day]).fetchone()
        connection.rollback()
    print(f"database: a row written, read and taken back; {day} has prices")  # noqa: T201
    return row[0] if row else sys.exit(f"no stock has prices of {day}: upper-circuit ingest brings them")


def main() -> None:
    """Ask, and end with 1 and a sentence when an answer is missing or wrong."""
    day = str(ask("/api/v1/health")["data_as_of"])
    stock = stock_of(day)
    answer = ask("/api/v1/predict", {"bse_code": stock, "prediction_date": day})
    print(f"api: {stock} on {day}: {answer['probability']} by {answer['model_version']}")  # noqa: T201
    tensors = {"bse_code": stock, "prediction_date": day}
    inputs = [
        {"name": name, "datatype": "BYTES", "shape": [1], "data": [text]} for name, text in tensors.items()
    ]
    outputs = ask("/v2/models/upper-circuit/infer", {"inputs": inputs})["outputs"]
    inferred = {each["name"]: each["data"] for each in outputs}["probability"][0]
    print(f"open inference protocol: {inferred}")  # noqa: T201
    if abs(float(inferred) - float(answer["probability"])) > 1e-6:
        sys.exit("the two answers differ")


try:
    main()
except psycopg.Error as error:
    sys.exit(f"database: {' '.join(str(error).split())}")
except (LookupError, TypeError, ValueError) as error:
    sys.exit(f"this is not the API's form of an answer: {error!r}")
