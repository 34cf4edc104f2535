"""The classifier: a network with linear heads, trained by Adam."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from audio_texture import networks, spectrogram
from audio_texture.errors import ChoiceError
from audio_texture.layer import NetworkConfig
from audio_texture.training.config import FrontEnd, TrainingSettings


class Classifier(nn.Module):
    """A network with linear heads for classes and secondary classes on its last tap.

    Attributes:
      network: of `networks.build`.
      classes: their number.
      settings: of the training.
    """

    network: nn.Module
    classes: int
    settings: TrainingSettings

    @nn.compact
    def __call__(self, x: jax.Array, training: bool = False) -> dict[str, jax.Array]:
        """Returns the logits of a spectrogram [T, F].

        They are {"class": [classes]}, and "secondary": [secondary classes] where there are any.
        """
        network: Any = self.network
        last_tap = list(network(x, training).values())[-1]
        # The last tap of the network over bins has no axis of frames to average over.
        if self.settings.readout == "mean" and "frames" in network.positions:
            last_tap = jnp.mean(last_tap, axis=0)
        features = last_tap.reshape(-1)
        logits = {"class": nn.Dense(self.classes)(features)}
        if self.settings.secondary_classes:
            logits["secondary"] = nn.Dense(self.settings.secondary_classes)(features)
        return logits


class TrainState(NamedTuple):
    """The state of a training.

    Attributes:
      params: weights of the network and the heads.
      batch_stats: running moments of batch normalisation.
      opt_state: Adam's.
    """

    params: Any
    batch_stats: Any
    opt_state: Any


class Trainer(NamedTuple):
    """The compiled functions of a training.

    Attributes:
      init: key -> TrainState.
      step: (state, key, spectrograms [B, T, F], labels, secondary labels) -> (state, loss,
        correct [B]).
      predict: (state, spectrograms [B, T, F]) -> logits [B, classes].
    """

    init: Callable[[jax.Array], TrainState]
    step: Callable[..., tuple[TrainState, jax.Array, jax.Array]]
    predict: Callable[[TrainState, Any], jax.Array]


def augment(key: jax.Array, x: jax.Array, *, shift: float, gain_db: float) -> jax.Array:
    """Returns a spectrogram [T, F] rotated in time and changed in level at random.

    Args:
      key: of the random numbers.
      x: [T, F] compressed spectrogram.
      shift: longest rotation, as a share of the length.
      gain_db: largest change of level, in dB.
    Example:
      >>> augment(jax.random.key(0), jnp.ones((4, 3)), shift=0.5, gain_db=0.0).shape
      (4, 3)
    """
    shift_key, gain_key = jax.random.split(key)
    if shift:
        longest = round(shift * len(x))
        x = jnp.roll(x, jax.random.randint(shift_key, (), -longest, longest + 1), axis=0)
    if gain_db:
        gain = 10 ** (jax.random.uniform(gain_key, minval=-gain_db, maxval=gain_db) / 20)
        x = spectrogram.compress(gain * spectrogram.expand(x))
    return x


def make_trainer(
    config: NetworkConfig, front: FrontEnd, classes: int, settings: TrainingSettings
) -> Trainer:
    """Returns the trainer of a classifier: Adam on the sum of the heads' cross-entropies.

    Raises:
      ChoiceError: the network has no batch normalisation, whose moments belong to the state.
    """
    if config.initialisation != "uniform":
        raise ChoiceError(
            "a network to be trained must have the initialisation uniform, "
            f"got {config.initialisation}.",
            field="initialisation",
        )
    classifier = Classifier(networks.build(config), classes, settings)
    optimizer = optax.adam(settings.learning_rate)

    @jax.jit
    def init(key):
        variables: Any = classifier.init(key, jnp.zeros(front.shape))
        params = variables["params"]
        return TrainState(params, variables["batch_stats"], optimizer.init(params))

    @jax.jit
    def step(state, key, x, labels, secondary):
        def augment_clip(key, x):
            return augment(key, x, shift=settings.shift, gain_db=settings.gain_db)

        x = jax.vmap(augment_clip)(jax.random.split(key, len(x)), x)
        compute = jax.value_and_grad(
            _make_loss(classifier, state, x, labels, secondary), has_aux=True
        )
        (loss, (batch_stats, correct)), gradient = compute(state.params)
        updates, opt_state = optimizer.update(gradient, state.opt_state)
        params = optax.apply_updates(state.params, updates)
        return TrainState(params, batch_stats, opt_state), loss, correct

    @jax.jit
    def predict(state, x):
        variables = {"params": state.params, "batch_stats": state.batch_stats}
        logits: Any = jax.vmap(lambda x: classifier.apply(variables, x))(x)
        return logits["class"]

    return Trainer(init, step, predict)


def _make_loss(classifier, state, x, labels, secondary):
    """Returns params -> (loss, (batch_stats, correct [B]))."""
    entropy = optax.softmax_cross_entropy_with_integer_labels

    def loss(params):
        variables = {"params": params, "batch_stats": state.batch_stats}

        def apply(x):
            return classifier.apply(variables, x, True, mutable=["batch_stats"])

        logits, updated = jax.vmap(apply, axis_name=networks.CLIPS, out_axes=(0, None))(x)
        total = jnp.mean(entropy(logits["class"], labels))
        if classifier.settings.secondary_classes:
            total += jnp.mean(entropy(logits["secondary"], secondary))
        return total, (updated["batch_stats"], jnp.argmax(logits["class"], axis=1) == labels)

    return loss


def network_variables(state: TrainState) -> dict[str, Any]:
    """Returns the variables of `networks.build(config)`, without the heads."""
    return {"params": state.params["network"], "batch_stats": state.batch_stats["network"]}
