"""
Is there a model, is one on its way, and if not, why not.

A request must never wait for a load (seconds), and a hundred requests must not start a hundred of them. So the first
one that finds nothing starts a load in a thread of its own and is told to come back, as are all others until it ends;
after a failure the load is tried again by itself, not with every request.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from upper_circuit.errors import ModelLoading, NoUsableModel
from upper_circuit.models.loader import LoadedModel, ModelLoader, Reload
from upper_circuit.models.manifest import MODEL_TYPE

log = logging.getLogger(__name__)


class ModelKeeper:
    """The one model this process answers with. Belongs to one event loop.

    `grace` is the loader's, `again_after` the seconds between a load that failed and the next.
    """

    def __init__(self, loader: ModelLoader, *, grace: float, again_after: float = 30.0) -> None:
        self._loader = loader
        self._grace = grace
        self._again_after = again_after
        self._thread = ThreadPoolExecutor(1, "model-loading")
        self._load: asyncio.Task[None] | None = None
        self._because: str | None = None
        self._stopping = False

    def take(self) -> LoadedModel:
        """The model to answer with, now; ModelLoading or NoUsableModel when there is none yet."""
        loaded = self._loader.in_hand()
        if loaded is not None:
            return loaded
        if self._because is not None:
            raise NoUsableModel(MODEL_TYPE, self._because)
        self.begin()
        raise ModelLoading

    def begin(self) -> None:
        """Start loading, unless that has been done."""
        if self._load is None and not self._stopping:
            self._load = asyncio.get_running_loop().create_task(self._load_until_there())
            self._load.add_done_callback(self._ended)

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    @property
    def loading(self) -> bool:
        """Whether a load is under way."""
        return self._loader.busy

    def stop(self) -> None:
        """From now on not ready; answers go on, loads do not."""
        self._stopping = True
        if self._load is not None:
            self._load.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def unready_because(self) -> str | None:
        """None when a request would be answered; else the reason, for probes."""
        if self._stopping:
            return "shutting down"
        if self._loader.present() is not None:
            return None
        if self._because is not None:
            return str(NoUsableModel(MODEL_TYPE, self._because))
        return "no model yet, the first request loads it" if self._load is None else str(ModelLoading())

    async def reload(self) -> Reload:
        """What `ModelLoader.reload_models` does, in the loading thread; answers go on meanwhile."""
        if self._stopping:
            raise NoUsableModel(MODEL_TYPE, "shutting down, the present one stays")
        loop = asyncio.get_running_loop()
        asked = copy_context()  # whose reload it is stands on every line of it
        reload = await loop.run_in_executor(self._thread, asked.run, self._loader.reload_models)
        loop.call_later(self._grace + 1, self._loader.release)
        return reload

    async def _load_until_there(self) -> None:
        while self._loader.present() is None:
            try:
                await self._loader.load_model_async(executor=self._thread)
            except NoUsableModel as error:
                if error.because != self._because:
                    log.warning("model.missing", extra={"because": error.because})
                self._because = error.because
                await asyncio.sleep(self._again_after)
        self._because = None
        # What is here now stays. XGBoost leaves garbage with every call, and a collection that walks all of KServe
        # takes longer than the call.
        gc.collect()
        gc.freeze()

    def _ended(self, load: asyncio.Task[None]) -> None:
        self._load = None
        if not load.cancelled() and (error := load.exception()) is not None:
            log.error("model.load_broke", exc_info=error)
