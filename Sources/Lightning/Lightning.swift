/// Everything an application needs: `import Lightning`.
@_exported public import BitcoinBackend
@_exported public import BitcoinPrimitives
@_exported public import CryptoPrimitives
@_exported public import LightningChain
@_exported public import LightningChannel
@_exported public import LightningCore
@_exported public import LightningEnforcement
@_exported public import LightningInvoice
@_exported public import LightningPayment
@_exported public import LightningRecords
@_exported public import LightningRouting
@_exported public import LightningRuntime
@_exported public import LightningTransactions
@_exported public import LightningWire
