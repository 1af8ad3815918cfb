"""What surface methods share, and what a new one adds.

A surface method is one file of about a hundred lines: settings, presets, and a model of two bases,

    class S3IMNeuSFactoModel(SurfaceMixin, NeuSFactoModel): ...

:class:`~s3im_methods.models.surface.mixin.SurfaceMixin` places nerfstudio's model in the scene's sphere, bounds its
rays, puts a background behind it, and has its outputs, losses, viewer panel, checks and mesh export. The method says:

1. **Settings.** Its config derives from :class:`~s3im_methods.models.surface.settings.SurfaceSettings` and from the
   config of nerfstudio's model, in this order.
2. **Presets.** The class attribute ``presets`` is a table by style and kind of scene. It starts from those of
   :mod:`s3im_methods.models.surface.presets`. ``decided`` may refuse settings of the method's own.
3. **Opacity.** The field has NeuS's rule until ``populate_modules`` gives it another by ``field.use_opacity(rule)``, an
   :class:`~s3im_methods.fields.opacity.OpacityRule` with what it learns. A rule that depends on the step sets its
   ``progress`` in ``schedule``, which is called before each training step.
4. **Sampling.** ``sample(ray_bundle)`` chooses samples ``[R, S]``, by a sampler of :mod:`s3im_methods.rays` as a rule,
   and returns ``self.evaluate(ray_bundle, samples)``: a :class:`~s3im_methods.models.surface.samples.SurfaceSamples`
   with the colours, normals and weights of the samples, the transmittance behind them, and the levels that led to them.

What samplers can rely on, and what is asked of them:

- ``R`` may differ from step to step. ``nears`` and ``fars`` are where rays enter and leave; a ray that misses the
  sphere has both at one place, and weighs nothing whatever its samples say.
- ``field.sdf(points)`` gives signed distances without a graph, ``field.sharpness`` how sharp the surface is,
  ``first_sampler`` the bins of a first look.
- Bins ascend, join, and lie between nears and fars. The caller's rays stay as they are. Samples carry no gradient.
- What only losses need goes into ``for_losses`` of the result and comes back among the outputs of training under the
  same name: a sampler with points of its own for the eikonal loss puts their gradients at ``eik_grad`` in place of the
  samples'; normals at the surface go there too. The method's losses are added in ``get_loss_dict``.
"""
