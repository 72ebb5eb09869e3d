"""An answer of every route, as openapi.yaml shows it; a test holds each to its schema."""

from __future__ import annotations

from typing import Any

from transformer.schemas import PREDICTION
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.oip import contract

_SHAP = dict.fromkeys(FEATURE_NAMES, 0.0) | {"roc_20": -2.7515, "upper_circuit_count_60": -0.018}

BATCH: list[dict[str, Any]] = [
    PREDICTION,
    {
        "error": "FEATURES_UNAVAILABLE",
        "message": "no features for 543257 on 2024-11-14: SHORT_HISTORY (12 own bars, 60 are needed)",
        "bse_code": "543257",
        "timestamp": "2024-11-14T01:31:12.104512Z",
        "correlation_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "reason": "SHORT_HISTORY",
    },
]
WHY: dict[str, Any] = {
    "company_name": "RELIANCE INDUSTRIES LTD",
    **PREDICTION,
    "features": dict.fromkeys(FEATURE_NAMES, 0.5),
    "shap_values": _SHAP,
    "shap_base_value": 0.1739,
    "raw_margin": -2.5956,
    "filled_from": {},
}
RECORDED: dict[str, Any] = {
    "prediction_date": "2024-11-14",
    "model_version": "1.0.0",
    "model_type": "XGBoost",
    "notes": None,
    "recorded": 2012,
    "predictions": [
        {
            "bse_code": "532978",
            "nse_symbol": "BAJAJFINSV",
            "company_name": "BAJAJ FINSERV LTD",
            "predicted_label": 1,
            "probability": 0.7112,
            "confidence": "HIGH",
            "prediction_timestamp": "2024-11-14T01:30:44Z",
            "has_fixed_band": False,
        }
    ],
}
RUN: dict[str, Any] = {
    "run_id": "upper-circuit-batch-28859610-6f1c2b0e",
    "run_date": "2024-11-14",
    "as_of": "2024-11-13",
    "state": "done",
    "reason": None,
    "notes": None,
    "model_type": "XGBoost",
    "model_version": "1.0.0",
    "data_version": 512,
    "shards": {"done": 4},
    "scored": 2012,
    "skipped": 41,
    "started_at": "2024-11-14T01:30:03Z",
    "finished_at": "2024-11-14T01:30:21Z",
    "seconds": 18,
}
RUN_DETAIL: dict[str, Any] = {
    "run": RUN,
    "model_versions": [{"model_version": "1.0.0", "predictions": 2012}],
    "shards": [
        {
            "shard": 0,
            "state": "done",
            "scored": 503,
            "skipped": 10,
            "seconds": {"features": 1.274, "model": 0.061, "write": 0.118},
            "reason": None,
            "finished_at": "2024-11-14T01:30:19Z",
        }
    ],
    "attempts": [
        {
            "token": 87,
            "shard": 0,
            "worker": "upper-circuit-batch-28859610-0-x7k2p",
            "state": "done",
            "reason": None,
            "started_at": "2024-11-14T01:30:04Z",
            "finished_at": "2024-11-14T01:30:19Z",
        }
    ],
}
SESSIONS: dict[str, Any] = {
    "sessions": [{"day": "2024-11-13", "run": None}, {"day": "2024-11-14", "run": RUN}]
}
MODELS: dict[str, Any] = {
    "model_type": "XGBoost",
    "model_version": "1.0.0",
    "requested_version": "1.0.0",
    "fallback_because": None,
    "models": [{"version": "1.0.0", "promoted": True, "created_at": "2024-10-31T12:30:00Z", "f1": 0.45}],
}
RELOAD: dict[str, Any] = {
    "replicas": [
        {
            "replica": "http://10.0.0.7:8080",
            "result": "swapped",
            "model_version": "1.1.0",
            "previous_version": "1.0.0",
            "requested_version": "1.1.0",
        }
    ]
}
HEALTH: dict[str, Any] = {
    "status": "healthy",
    "timestamp": "2024-11-14T01:31:12.104512Z",
    "model_loaded": True,
    "model_version": "1.0.0",
    "model_type": "XGBoost",
    "uptime_seconds": 86402.113,
    "requests_processed": 51234,
    "avg_latency_ms": 3.214,
    "error_rate": 0.0,
    "data_as_of": "2024-11-13",
    "problems": [],
}
UNHEALTHY: dict[str, Any] = {
    **HEALTH,
    "status": "unhealthy",
    "model_loaded": False,
    "problems": ["no replica of the predictor has a model loaded"],
}
SERVER: dict[str, Any] = {
    "name": "upper-circuit-transformer",
    "version": "1.0.0",
    "extensions": ["binary_tensor_data"],
}
MODEL: dict[str, Any] = {
    "name": contract.MODEL_NAME,
    "platform": "upper-circuit-transformer",
    "inputs": [spec.metadata() for spec in contract.TRANSFORMER_INPUTS],
    "outputs": [spec.metadata() for spec in contract.TRANSFORMER_OUTPUTS],
}
INFERENCE: dict[str, Any] = {
    "inputs": [
        {"name": "bse_code", "datatype": "BYTES", "shape": [2], "data": ["500325", "532540"]},
        {"name": "prediction_date", "datatype": "BYTES", "shape": [1], "data": ["2024-11-14"]},
    ]
}
INFERRED: dict[str, Any] = {
    "model_name": contract.MODEL_NAME,
    "model_version": "1.0.0",
    "id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "parameters": {"requested_version": "1.0.0"},
    "outputs": [
        {"name": "probability", "datatype": "FP32", "shape": [2], "data": [0.0213, 0.0172]},
        {"name": "label", "datatype": "INT32", "shape": [2], "data": [0, 0]},
        {"name": "confidence", "datatype": "BYTES", "shape": [2], "data": ["HIGH", "HIGH"]},
    ],
}

STEP: dict[str, Any] = {
    "step": 7,
    "taken_at": "2024-11-14T04:02:11Z",
    "who": "asha",
    "action": "start",
    "from": "a 1.0.0 100",
    "to": "a 1.0.0 90, b 1.1.0 10",
    "why": "trained until October",
}
COMPARISON: dict[str, Any] = {
    "prediction_date": "2024-11-14",
    "stable_version": "1.0.0",
    "canary_version": "1.1.0",
    "missed": 0,
    "bse_codes": ["500325", "532540"],
    "stable": [0.0213, 0.0172],
    "stable_margin": [-3.512, -3.731],
    "canary": [0.0241, 0.0169],
    "canary_margin": [-3.401, -3.742],
    "labels": [0, None],
}
DRIFT: dict[str, Any] = {
    "model_version": "1.1.0",
    "prediction_date": "2024-11-14",
    "spreads": [{"name": "rsi_14", "trained": [0.5, 0.5, 0.0], "now": [0.46, 0.53, 0.01], "rows": 4213}],
}

ANSWERS: dict[str, Any] = {
    "prediction": PREDICTION,
    "batch": BATCH,
    "why": WHY,
    "recorded": RECORDED,
    "runs": {"runs": [RUN]},
    "run": RUN_DETAIL,
    "sessions": SESSIONS,
    "comparable": {
        "stable_version": "1.0.0",
        "canary_version": "1.1.0",
        "mornings": ["2024-11-14", "2024-11-13"],
    },
    "comparison": COMPARISON,
    "drift": DRIFT,
    "rollout_step": STEP,
    "rollout_steps": {"steps": [STEP]},
    "models": MODELS,
    "reload": RELOAD,
    "health": HEALTH,
    "unhealthy": UNHEALTHY,
    "ready": {"ready": True},
    "live": {"live": True},
    "server": SERVER,
    "model": MODEL,
    "model_ready": {"name": contract.MODEL_NAME, "ready": True},
    "inferred": INFERRED,
}
"""By the name under which openapi.yaml has it."""
